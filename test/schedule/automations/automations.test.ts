import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Db } from "../../../src/db/db.ts"
import { openPostgres } from "../../../src/db/postgres.ts"
import type { Automation } from "../../../src/schedule/automations/automation.ts"
import { ensureSystemAutomations } from "../../../src/schedule/automations/system-automations.ts"
import { type Recurrence, upcoming } from "../../../src/schedule/recurrence/recurrence.ts"
import { duePayload } from "../../../src/thread/inbox/event.ts"
import { createPeople, OWNER_ID } from "../../../src/thread/people/people.ts"
import { createRandom } from "../../durability/random.ts"
import { databaseKind } from "../../support/database.ts"
import { ownDatabase } from "../../support/own.ts"
import { type MovableClock, movableClock, reminder, scheduler } from "../../support/schedule.ts"

const NY = "America/New_York"
const HOUR = 3_600_000
const base = await ownDatabase()
let db: Db
let clock: MovableClock
let here: Awaited<ReturnType<typeof scheduler>>

beforeAll(async () => {
  db = base.db
})
beforeEach(async () => {
  for (const table of ["occurrences", "automations", "inbox", "threads"]) await db.raw(`delete from ${table}`)
  clock = movableClock("2026-11-22T12:00:00Z")
  await createPeople({ db, clock, newId }).ensureOwner({ timezone: NY })
  here = await scheduler(db, clock)
})

const make = (over: Parameters<typeof reminder>[0] = {}) =>
  db.transaction((tx) => here.automations.create(tx, reminder(over)))
const rows = async (id: number) =>
  (await here.automations.history(id, 100_000)).toReversed().map((o) => [o.dueAt.toISOString(), o.state, o.reason])
const events = () =>
  db.query<{ externalId: string; payload: unknown; key: string; personId: string; kind: string }>(sql`
    select external_id as "externalId", payload, threads.key, inbox.person_id as "personId", kind
    from inbox join threads on threads.id = thread_id order by received_at, seq`)
const state = async ({ id }: Automation) => (await here.automations.get(id))?.state

describe("a due instant", () => {
  test("becomes one event for its person on the automation's own thread, and the thread is notified", async () => {
    const made = await make()
    clock.to("2026-11-22T13:00:01Z")
    await here.ticker.tick()
    const [event, ...more] = await events()
    expect(more).toEqual([])
    expect(event).toMatchObject({ externalId: `${made.id}:2026-11-22T13:00:00.000Z`, kind: "due", personId: OWNER_ID })
    expect(event?.key).toBe(`automation:${made.id}`)
    expect(duePayload.parse(event?.payload)).toEqual({
      automationId: made.id,
      dueAt: "2026-11-22T13:00:00.000Z",
      lateMs: 1000,
      action: { kind: "say", text: "stretch" },
    })
    expect(here.rung).toHaveLength(1)
    expect(await rows(made.id)).toEqual([["2026-11-22T13:00:00.000Z", "started", null]])
    expect((await here.automations.get(made.id))?.nextAt).toEqual(new Date("2026-11-23T13:00:00Z"))
  })

  test("is not due one moment before its time, by the clock that was passed in", async () => {
    await make()
    clock.to("2026-11-22T12:59:59.999Z")
    await here.ticker.tick()
    expect(await events()).toEqual([])
  })

  test("is started once, however often the ticker looks", async () => {
    const made = await make()
    clock.to("2026-11-22T13:00:00Z")
    for (let i = 0; i < 3; i++) await here.ticker.tick()
    clock.to("2026-11-22T12:00:00Z")
    await here.ticker.tick()
    clock.to("2026-11-22T13:00:30Z")
    await here.ticker.tick()
    expect(await rows(made.id)).toHaveLength(1)
    expect(await events()).toHaveLength(1)
  })

  test("ends the automation when it was the last one", async () => {
    const made = await make({ recurrence: { kind: "once", at: "2026-11-22T13:00:00Z" } })
    clock.to("2026-11-22T13:00:00Z")
    await here.ticker.tick()
    expect(await state(made)).toBe("ended")
    expect(await here.automations.list()).toEqual([])
  })

  test("is skipped while the automation is paused, and the next one after it is resumed runs", async () => {
    const made = await make()
    await db.transaction((tx) => here.automations.pause(tx, made.id, OWNER_ID))
    clock.to("2026-11-22T13:00:00Z")
    await here.ticker.tick()
    await db.transaction((tx) => here.automations.resume(tx, made.id, OWNER_ID))
    clock.to("2026-11-23T13:00:00Z")
    await here.ticker.tick()
    expect(await rows(made.id)).toEqual([
      ["2026-11-22T13:00:00.000Z", "skipped", "paused"],
      ["2026-11-23T13:00:00.000Z", "started", null],
    ])
  })
})

describe("after an outage", () => {
  test("the latest instant runs late and each other one is recorded as missed", async () => {
    const made = await make()
    clock.to("2026-11-24T18:59:59Z")
    await here.ticker.tick()
    expect(await rows(made.id)).toEqual([
      ["2026-11-22T13:00:00.000Z", "missed", "a later one ran instead"],
      ["2026-11-23T13:00:00.000Z", "missed", "a later one ran instead"],
      ["2026-11-24T13:00:00.000Z", "started", null],
    ])
    expect(duePayload.parse((await events())[0]?.payload).lateMs).toBe(6 * HOUR - 1000)
  })

  test("an instant that is too old to catch up is missed, and nothing runs", async () => {
    const made = await make()
    clock.to("2026-11-22T19:00:01Z")
    await here.ticker.tick()
    expect(await rows(made.id)).toEqual([["2026-11-22T13:00:00.000Z", "missed", "it was too late to catch up"]])
    expect(await events()).toEqual([])
  })

  test("every instant of a year is recorded, and the latest runs", async () => {
    const made = await make()
    clock.to("2027-11-22T13:00:00Z")
    await here.ticker.tick()
    const all = await here.automations.history(made.id, 1000)
    expect(all.map(({ state: how }) => how)).toEqual(["started", ...Array.from({ length: 365 }, () => "missed")])
  })

  test("a backlog of thousands of instants is recorded completely", async () => {
    const made = await make({ recurrence: { kind: "every", minutes: 1 } })
    clock.pass(2500 * 60_000)
    await here.ticker.tick()
    const all = await here.automations.history(made.id, 10_000)
    expect(all.filter((o) => o.state === "missed")).toHaveLength(2499)
    expect(all.filter((o) => o.state === "started").map((o) => o.dueAt)).toEqual([clock.now()])
    expect(await events()).toHaveLength(1)
  })
})

/** Schedules that each meet a change of the clock in a different way. */
const SCHEDULES: Recurrence[] = [
  { kind: "cron", expr: "30 2 * * *" },
  { kind: "cron", expr: "30 1 * * *" },
  { kind: "cron", expr: "0 8 * * *" },
  { kind: "cron", expr: "*/15 * * * *" },
  { kind: "every", minutes: 20 },
  { kind: "rrule", rule: "FREQ=DAILY;BYHOUR=1,2;BYMINUTE=30" },
]

describe.each([
  ["the clocks go forward", "2027-03-14T00:00:00-05:00", 23],
  ["the clocks go back", "2027-11-07T00:00:00-04:00", 25],
])("on the day %s", (_day, midnight, hours) => {
  test("every instant has one row, whichever worker dies and however many there are", async () => {
    clock.to(new Date(Date.parse(midnight) - 1).toISOString())
    const from = clock.now()
    const made = await Promise.all(SCHEDULES.map((recurrence) => make({ recurrence })))
    const second = databaseKind === "postgres" ? openPostgres({ url: base.url, max: 3 }) : undefined
    const random = createRandom(hours)
    const workers = await Promise.all([crashing(db, random), crashing(second ?? db, random)])
    for (let minute = 0; minute <= hours * 60; minute += 1 + Math.floor(random() * 30)) {
      clock.to(new Date(from.getTime() + minute * 60_000).toISOString())
      await Promise.all(workers.map((worker) => worker.tick().catch(() => {})))
    }
    clock.to(new Date(from.getTime() + hours * HOUR).toISOString())
    clock.pass(11_000)
    const steady = await scheduler(db, clock)
    await steady.ticker.tick()
    await second?.close()
    for (const [index, { id }] of made.entries()) {
      const recurrence = SCHEDULES[index] ?? SCHEDULES[0]
      const due = recurrence ? upcoming(recurrence, from, NY, 1000).filter((at) => at <= clock.now()) : []
      const recorded = await rows(id)
      expect(recorded.map(([at]) => at)).toEqual(due.map((at) => at.toISOString()))
      const started = recorded.filter(([, how]) => how === "started").map(([at]) => `${id}:${at}`)
      const accepted = (await events()).map((event) => event.externalId).filter((key) => key.startsWith(`${id}:`))
      expect(accepted.toSorted()).toEqual(started.toSorted())
    }
  })

  test("the digest at 8:00 is due once, at 8:00 on the wall clock", async () => {
    clock.to(new Date(Date.parse(midnight) - 1).toISOString())
    const made = await make()
    clock.pass(hours * HOUR)
    const [first, ...more] = upcoming(made.recurrence, new Date(Date.parse(midnight) - 1), NY, 2)
    await here.ticker.tick()
    expect(await rows(made.id)).toHaveLength(1)
    expect(more[0]?.getTime()).toBeGreaterThan(clock.now().getTime())
    expect(first?.toLocaleTimeString("en-US", { timeZone: NY })).toBe("8:00:00 AM")
  })
})

/** A worker that sometimes dies: while it accepts, just before its commit, or just after it. */
async function crashing(on: Db, random: () => number) {
  const dies = () => {
    if (random() < 0.2) throw new Error("killed")
  }
  const { inbox } = await scheduler(on, clock)
  const fragile: Db = {
    ...on,
    transaction: async (work) => {
      const result = await on.transaction(async (tx) => {
        const made = await work(tx)
        dies()
        return made
      })
      dies()
      return result
    },
  }
  const accept: Parameters<typeof scheduler>[2] = {
    accept: async (tx, event) => {
      dies()
      const accepted = await inbox.acceptIn(tx, event)
      dies()
      return accepted
    },
  }
  return (await scheduler(fragile, clock, accept)).ticker
}

test("two workers racing for the same instants start each of them once", async () => {
  const made = await Promise.all(Array.from({ length: 10 }, () => make()))
  const second = databaseKind === "postgres" ? openPostgres({ url: base.url, max: 3 }) : undefined
  const other = await scheduler(second ?? db, clock)
  clock.to("2026-11-22T13:00:00Z")
  await Promise.all([here.ticker.tick(), other.ticker.tick(), here.ticker.tick()])
  await second?.close()
  expect((await events()).map((event) => event.externalId).toSorted()).toEqual(
    made.map(({ id }) => `${id}:2026-11-22T13:00:00.000Z`).toSorted(),
  )
  for (const { id } of made) expect(await rows(id)).toHaveLength(1)
})

test("an automation that cannot be started does not delay the others, and is retried", async () => {
  let broken = true
  const failures: unknown[] = []
  const log = { ...silentLog, error: (_: string, fields?: object) => void failures.push(fields) }
  const first = await make({ recurrence: { kind: "cron", expr: "59 7 * * *" } })
  const second = await make()
  const { ticker } = await scheduler(
    db,
    clock,
    {
      accept: async (tx, event) => {
        if (broken && event.payload.automationId === first.id) throw new Error("the disk is full")
        return here.inbox.acceptIn(tx, event)
      },
    },
    log,
  )
  clock.to("2026-11-22T13:00:00Z")
  await ticker.tick()
  expect(await rows(first.id)).toEqual([])
  expect(await rows(second.id)).toHaveLength(1)
  expect(failures).toMatchObject([{ automation: first.id, error: { message: "the disk is full" } }])
  broken = false
  clock.pass(10_000)
  await ticker.tick()
  expect(await rows(first.id)).toEqual([["2026-11-22T12:59:00.000Z", "started", null]])
})

describe("cancelling", () => {
  test("ends the instants that were due until then as skipped, and nothing more starts", async () => {
    const made = await make()
    clock.to("2026-11-22T13:00:00Z")
    const cancelled = await db.transaction((tx) => here.automations.cancel(tx, made.id, OWNER_ID))
    expect(cancelled).toMatchObject({ id: made.id, state: "cancelled", title: "stretch" })
    clock.to("2026-11-25T13:00:00Z")
    await here.ticker.tick()
    expect(await rows(made.id)).toEqual([["2026-11-22T13:00:00.000Z", "skipped", "cancelled"]])
  })

  test("reaches only one's own automations, and only active or paused ones", async () => {
    const made = await make()
    const cancel = (personId: string | null) => db.transaction((tx) => here.automations.cancel(tx, made.id, personId))
    expect(await cancel(newId())).toBeNull()
    expect(await state(made)).toBe("active")
    expect(await cancel(null)).not.toBeNull()
    expect(await cancel(null)).toBeNull()
  })
})

test("a schedule that is never due is refused", async () => {
  await expect(make({ recurrence: { kind: "once", at: "2026-11-22T11:00:00Z" } })).rejects.toThrow("never comes due")
})

describe("the system's automations", () => {
  const ensure = (zone: string | null, github = true) =>
    ensureSystemAutomations(
      { db, automations: here.automations },
      { owner: { id: OWNER_ID, zone }, hostZone: "Europe/Lisbon", github },
    )
  const digest = () => here.automations.named("digest")

  test("are made once, however many processes boot", async () => {
    await Promise.all([ensure(NY), ensure(NY)])
    await ensure(NY)
    const all = await here.automations.list()
    expect(all.map(({ name, sentence }) => [name, sentence])).toEqual([
      ["digest", "every day at 8:00 AM, New York time"],
      ["github-sweep", "every 15 minutes"],
    ])
  })

  test("say when the zone is a guess, and move when the zone is known", async () => {
    await ensure(null)
    expect(await digest()).toMatchObject({
      sentence: "every day at 8:00 AM, guessed zone Europe/Lisbon",
      nextAt: new Date("2026-11-23T08:00:00Z"),
    })
    await ensure(NY)
    expect(await digest()).toMatchObject({ zone: NY, nextAt: new Date("2026-11-22T13:00:00Z") })
    await ensure("Europe/Lisbon")
    expect((await digest())?.sentence).toBe("every day at 8:00 AM, Lisbon time")
  })

  test("keep what a person changed", async () => {
    await ensure(NY)
    const found = await digest()
    const sweep = await here.automations.named("github-sweep")
    if (!(found && sweep)) throw new Error("not made")
    const chosen = reminder({ action: { kind: "digest" }, recurrence: { kind: "cron", expr: "0 9 * * 1-5" } })
    await db.transaction((tx) => here.automations.replace(tx, { ...chosen, name: "digest" }))
    await db.transaction((tx) => here.automations.cancel(tx, sweep.id, null))
    await ensure("Asia/Tokyo")
    expect(await digest()).toMatchObject({ id: found.id, zone: NY, recurrence: { expr: "0 9 * * 1-5" } })
    expect(await state(sweep)).toBe("cancelled")
  })

  test("sweep GitHub only while it is set up", async () => {
    const sweep = () => here.automations.named("github-sweep")
    await ensure(NY, false)
    expect(await sweep()).toBeNull()
    await ensure(NY, true)
    expect(await sweep()).toMatchObject({ state: "active", nextAt: new Date("2026-11-22T12:15:00Z") })
    await ensure(NY, false)
    expect(await sweep()).toMatchObject({ state: "ended", nextAt: null })
    clock.to("2026-11-25T12:00:00Z")
    await ensure(NY, true)
    expect(await sweep()).toMatchObject({ state: "active", nextAt: new Date("2026-11-25T12:15:00Z") })
  })
})
