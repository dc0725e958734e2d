import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { createDueHandler, createSay } from "../../src/agent/handlers/due.ts"
import { newId } from "../../src/base/ids.ts"
import type { ChannelId } from "../../src/channels/channel.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { openPostgres } from "../../src/db/postgres.ts"
import { createScheduledDigest, createSendDigest } from "../../src/digest/delivery.ts"
import { createDigest } from "../../src/digest/digest.ts"
import { createAutomations } from "../../src/schedule/automations/automations.ts"
import { ensureSystemAutomations } from "../../src/schedule/automations/system-automations.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people/people.ts"
import { databaseKind, type TestDatabase, testDatabase } from "../support/database.ts"
import { movableClock, reminder, scheduler } from "../support/schedule.ts"
import { spine } from "../support/spine.ts"
import { contextOf, run } from "../support/tools.ts"

const NY = "America/New_York"
const SMS: ReadonlySet<ChannelId> = new Set(["sms", "web"])
const clock = movableClock("2026-11-22T12:00:00Z")
let base: TestDatabase
/** Two processes; on Postgres each has its own connection pool. */
let workers: Awaited<ReturnType<typeof worker>>[]
let second: (Opened & { close(): Promise<void> }) | undefined

async function worker(db: Opened) {
  const people = createPeople({ db, clock, newId })
  const delivery = { db, digests: createDigest({ db, clock }), people, live: SMS }
  const nothing = async () => ({ posts: [], model: null })
  const due = createDueHandler({
    automations: createAutomations({ db, clock }),
    actions: {
      say: createSay({ people, live: SMS }),
      do: nothing,
      sweep: nothing,
      digest: createScheduledDigest(delivery),
    },
  })
  const s = await spine({ db, handlers: { due }, now: clock.now })
  const { ticker, automations } = await scheduler(db, clock)
  const step = async () => {
    await ticker.tick()
    await s.settle()
  }
  return { s, automations, delivery, step }
}

beforeAll(async () => {
  base = await testDatabase()
  second = databaseKind === "postgres" ? openPostgres({ url: base.url, max: 4 }) : undefined
  workers = [await worker(base.db), await worker(second ?? base.db)]
})
afterAll(async () => {
  for (const { s } of workers) await s.stop()
  await second?.close()
  await base.drop()
})
beforeEach(async () => {
  for (const table of ["outbox", "occurrences", "automations"]) await base.db.raw(`delete from ${table}`)
})

const first = () => {
  const [one] = workers
  if (one === undefined) throw new Error("no worker")
  return one
}
const bothStep = () => Promise.all(workers.map((one) => one.step()))
const boot = (zone = NY) =>
  ensureSystemAutomations(
    { db: base.db, automations: first().automations },
    { owner: { id: OWNER_ID, zone }, hostZone: "UTC", github: false },
  )
const sent = () =>
  base.db.query<{ key: string; channel: string; text: string; createdAt: Date }>(sql`
    select dedupe_key as key, channel, body ->> 'text' as text, created_at as "createdAt" from outbox order by seq`)
const digestOf = async () => {
  const digest = await first().automations.named("digest")
  if (digest === null) throw new Error("there is no digest")
  return digest
}

describe.each([
  ["the clocks go forward", "2027-03-12T17:00:00Z", "2027-03-17T17:00:00Z"],
  ["the clocks go back", "2027-11-05T16:00:00Z", "2027-11-10T17:00:00Z"],
])("in a week in which %s", (_what, from, to) => {
  test("two workers send one digest per local day, within a minute of 8:00", async () => {
    clock.to(from)
    await boot()
    while (clock.now() < new Date(to)) {
      const minute = 60_000
      const near = clock.now().toLocaleTimeString("en-US", { timeZone: NY, hour12: false })
      clock.pass(near.startsWith("07:") || near.startsWith("08:") ? minute : 15 * minute)
      await bothStep()
    }
    const all = await sent()
    const days = all.map(({ createdAt }) => createdAt.toLocaleDateString("en-CA", { timeZone: NY }))
    expect(days).toHaveLength(5)
    expect(new Set(days).size).toBe(5)
    expect(all.map(({ key }) => key)).toEqual(days.map((day) => `digest:${OWNER_ID}:${day}`))
    for (const { createdAt, channel } of all) {
      expect(createdAt.toLocaleTimeString("en-US", { timeZone: NY })).toMatch(/^8:00:\d\d AM$/)
      expect(channel).toBe("sms")
    }
    const history = await first().automations.history((await digestOf()).id)
    expect(history.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => "done"))
  })
})

describe("an outage", () => {
  test("over 8:00 leads to one late digest, and its text says that it is late", async () => {
    clock.to("2026-11-22T12:59:00Z")
    await boot()
    clock.to("2026-11-22T17:00:00Z")
    await bothStep()
    await boot()
    await bothStep()
    expect((await sent()).map(({ text }) => text)).toEqual([
      "Triage Sat 21 Nov: no issues\n(due at 8:00 AM, 4 hours late)",
    ])
  })

  test("of more than six hours loses the digest of that day, which is recorded as missed", async () => {
    clock.to("2026-11-22T12:59:00Z")
    await boot()
    clock.to("2026-11-22T19:00:01Z")
    await bothStep()
    expect(await sent()).toEqual([])
    expect(await first().automations.history((await digestOf()).id)).toMatchObject([{ state: "missed" }])
    clock.to("2026-11-23T13:00:00Z")
    await bothStep()
    expect(await sent()).toHaveLength(1)
  })
})

test("a change of zone after the digest does not send a second one on that day", async () => {
  clock.to("2026-11-22T07:00:00Z")
  await boot("Europe/Lisbon")
  clock.to("2026-11-22T08:00:00Z")
  await bothStep()
  await boot(NY)
  clock.to("2026-11-22T13:00:00Z")
  await bothStep()
  expect((await sent()).map(({ key }) => key)).toEqual([`digest:${OWNER_ID}:2026-11-22`])
  const [latest] = await first().automations.history((await digestOf()).id)
  expect(latest).toMatchObject({ state: "skipped", reason: "the digest of 2026-11-22 was sent before" })
})

test("a single digest at another time is sent in addition to the daily one", async () => {
  clock.to("2026-11-22T12:00:00Z")
  await boot()
  const once = { kind: "once" as const, at: "2026-11-22T22:00:00Z" }
  await base.db.transaction((tx) =>
    first().automations.create(tx, reminder({ action: { kind: "digest" }, recurrence: once })),
  )
  for (const at of ["2026-11-22T13:00:00Z", "2026-11-22T22:00:00Z"]) {
    clock.to(at)
    await bothStep()
  }
  expect(await sent()).toHaveLength(2)
})

describe("send_digest", () => {
  const rung: string[] = []
  const ask = async (args: unknown, over: { runId?: string; threadId?: string } = {}) => {
    const tool = createSendDigest({ ...first().delivery, notify: (threadId) => void rung.push(threadId) })
    const runId = over.runId ?? (await anyRun())
    const context = { ...contextOf({ now: clock.now(), zone: NY, personId: OWNER_ID }), ...over, runId }
    return run(base.db, tool, args, context)
  }
  const anyRun = async () => (await base.db.query<{ id: string }>(sql`select id from runs limit 1`))[0]?.id ?? ""

  test("sends yesterday's digest to the place where the owner is reached first, and says where", async () => {
    clock.to("2026-11-22T20:00:00Z")
    const result = await ask({})
    expect(result).toEqual({ ok: true, text: "Triage Sat 21 Nov: no issues", sentTo: "SMS" })
    expect(await sent()).toMatchObject([{ channel: "sms", text: "Triage Sat 21 Nov: no issues" }])
    expect(rung).toEqual([(await first().delivery.people.home(OWNER_ID, SMS)).threadId])
  })

  test("sends the digest of today so far, by the local day", async () => {
    clock.to("2026-11-23T04:30:00Z")
    expect(await ask({ day: "today" })).toMatchObject({ text: "Triage Sun 22 Nov: no issues" })
  })

  test("sends once per run however often the step is repeated, and leaves the daily digest alone", async () => {
    clock.to("2026-11-22T12:30:00Z")
    await boot()
    const runId = await anyRun()
    await ask({}, { runId })
    await ask({}, { runId })
    expect(await sent()).toHaveLength(1)
    clock.to("2026-11-22T13:00:00Z")
    await bothStep()
    expect(await sent()).toHaveLength(2)
  })

  test("sends nothing beside the answer when the request came from the home thread", async () => {
    const { threadId } = await first().delivery.people.home(OWNER_ID, SMS)
    expect(await ask({}, { threadId })).toEqual({ ok: true, text: expect.stringContaining("Triage") })
    expect(await sent()).toEqual([])
  })
})
