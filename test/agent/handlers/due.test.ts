import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Cancelled } from "../../../src/agent/durable/signals.ts"
import { createDo, createDueHandler, createSay, type DueActions } from "../../../src/agent/handlers/due.ts"
import type { AnswerPerson } from "../../../src/agent/turn/turn.ts"
import { Reject, Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import type { NewAutomation } from "../../../src/schedule/automations/automation.ts"
import { createAutomations } from "../../../src/schedule/automations/automations.ts"
import { createPeople, OWNER_ID } from "../../../src/thread/people/people.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { movableClock, reminder, scheduler } from "../../support/schedule.ts"
import { spine } from "../../support/spine.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
const live = new Set(["web"] as const)
let base: TestDatabase
let s: Awaited<ReturnType<typeof spine>>
let here: Awaited<ReturnType<typeof scheduler>>
/** What the two features do when their instant comes; set by a test. */
let digest: DueActions["digest"]
let answer: AnswerPerson

beforeAll(async () => {
  base = await testDatabase()
  const { db } = base
  const people = createPeople({ db, clock, newId })
  const due = createDueHandler({
    automations: createAutomations({ db, clock }),
    actions: {
      say: createSay({ people, live }),
      do: createDo({ people, live, answer: (...asked) => answer(...asked) }),
      digest: (...asked) => digest(...asked),
      sweep: async () => ({ posts: [], model: null }),
    },
  })
  s = await spine({ db, handlers: { due }, now: clock.now })
  here = await scheduler(db, clock)
})
afterAll(async () => {
  await s.stop()
  await base.drop()
})
beforeEach(async () => {
  clock.to("2026-11-22T12:00:00Z")
  await base.db.raw("delete from outbox")
  await base.db.raw("update automations set state = 'cancelled', next_at = null")
})

const make = (over: Partial<NewAutomation> = {}) =>
  base.db.transaction((tx) => here.automations.create(tx, reminder(over)))
/** Lets everything happen that is due at `moment`. */
async function at(moment: string): Promise<void> {
  clock.to(moment)
  await here.ticker.tick()
  await s.settle()
}
const posted = async () =>
  (
    await base.db.query<{ text: string; key: string }>(sql`
      select body ->> 'text' as text, threads.key from outbox join threads on threads.id = thread_id order by outbox.seq`)
  ).map((row) => [row.key, row.text])
const occurrence = async ({ id }: { id: number }) => (await here.automations.history(id))[0]

describe("a reminder", () => {
  test("reaches its person's home and its occurrence is done", async () => {
    const made = await make()
    await at("2026-11-22T13:00:00Z")
    expect(await posted()).toEqual([["web:owner", "Reminder: stretch"]])
    expect(await occurrence(made)).toMatchObject({ state: "done", reason: null, endedAt: clock.now() })
  })

  test.each([
    ["13:05:00", "Reminder: stretch"],
    ["13:05:01", "Reminder: stretch (due at 8:00 AM, 5 minutes late)"],
    ["13:40:00", "Reminder: stretch (due at 8:00 AM, 40 minutes late)"],
    ["16:10:00", "Reminder: stretch (due at 8:00 AM, 3 hours late)"],
  ])("that comes at %s says how late it is", async (time, text) => {
    await make()
    await at(`2026-11-22T${time}Z`)
    expect(await posted()).toEqual([["web:owner", text]])
  })

  test("that comes on another day names the day", async () => {
    await make({ recurrence: { kind: "once", at: "2026-11-22T13:00:00Z" }, catchUpMs: 7 * 86_400_000 })
    await at("2026-11-24T14:00:00Z")
    expect(await posted()).toEqual([["web:owner", "Reminder: stretch (due on Sun 22 Nov, 8:00 AM, 2 days late)"]])
  })

  test("whose worker was away after it was accepted says so too", async () => {
    await make()
    clock.to("2026-11-22T13:00:00Z")
    await here.ticker.tick()
    clock.to("2026-11-22T15:30:00Z")
    await s.settle()
    expect(await posted()).toEqual([["web:owner", "Reminder: stretch (due at 8:00 AM, 2 hours late)"]])
  })

  test("that was cancelled in between is skipped", async () => {
    const made = await make()
    clock.to("2026-11-22T13:00:00Z")
    await here.ticker.tick()
    await base.db.transaction((tx) => here.automations.cancel(tx, made.id, OWNER_ID))
    await s.settle()
    expect(await posted()).toEqual([])
    expect(await occurrence(made)).toMatchObject({ state: "skipped", reason: "cancelled" })
  })
})

test("work is a turn with the automation's words and its grants, and its answer goes home", async () => {
  const asked: unknown[] = []
  answer = async (_job, texts, grants) => {
    asked.push(texts, grants)
    return { text: "All dry.", model: "m1" }
  }
  const grants = [{ tool: "recall", where: { q: "garden" } }]
  const made = await make({ action: { kind: "do", text: "is the garden dry?" }, grants })
  await at("2026-11-22T13:10:00Z")
  expect(asked).toEqual([["is the garden dry?"], grants])
  expect(await posted()).toEqual([["web:owner", "All dry. (due at 8:00 AM, 10 minutes late)"]])
  expect(await occurrence(made)).toMatchObject({ state: "done" })
  const [run] = await base.db.query(sql`select model from runs where kind = 'due' order by started_at desc limit 1`)
  expect(run).toEqual({ model: "m1" })
})

test("an answer without words sends nothing", async () => {
  answer = async () => ({ text: " ", model: null })
  const made = await make({ action: { kind: "do", text: "look after the logs" } })
  await at("2026-11-22T13:00:00Z")
  expect(await posted()).toEqual([])
  expect(await occurrence(made)).toMatchObject({ state: "done" })
})

describe("an instant whose work", () => {
  test("had nothing to do is skipped with the reason", async () => {
    digest = async () => ({ posts: [], model: null, skipped: "it was sent before" })
    const made = await make({ action: { kind: "digest" } })
    await at("2026-11-22T13:00:00Z")
    expect(await occurrence(made)).toMatchObject({ state: "skipped", reason: "it was sent before" })
  })

  test("fails for good is failed with the reason, and its owner is told", async () => {
    digest = async () => {
      throw new Reject(500, "the issue list is gone")
    }
    const made = await make({ action: { kind: "digest" } })
    await at("2026-11-22T13:00:00Z")
    expect(await occurrence(made)).toMatchObject({ state: "failed", reason: "rejected: the issue list is gone" })
    expect((await posted()).map(([, text]) => text)).toEqual([expect.stringContaining("the issue list is gone")])
  })

  test("has to be tried again stays started until it is done", async () => {
    let tries = 0
    digest = async () => {
      if (++tries === 1) throw new Retry("GitHub is away", { afterMs: 60_000 })
      return { posts: [], model: null }
    }
    const made = await make({ action: { kind: "digest" } })
    await at("2026-11-22T13:00:00Z")
    expect(await occurrence(made)).toMatchObject({ state: "started", endedAt: null })
    await base.db.raw("update threads set ready_at = now() where ready_at is not null")
    await s.settle()
    expect(tries).toBe(2)
    expect(await occurrence(made)).toMatchObject({ state: "done" })
  })

  test("is stopped by the person is skipped", async () => {
    digest = async () => {
      throw new Cancelled()
    }
    const made = await make({ action: { kind: "digest" } })
    await at("2026-11-22T13:00:00Z")
    expect(await occurrence(made)).toMatchObject({ state: "skipped", reason: "stopped by the person" })
  })
})
