import { sql } from "drizzle-orm"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import { type Post, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { heldUntil, quietOf, setQuiet } from "../../../src/thread/outbox/quiet-hours.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { createSender } from "../../../src/worker/sending/sender.ts"
import { type Outlet, outlet } from "../../support/channels.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { movableClock } from "../../support/schedule.ts"
import { spine, text } from "../../support/spine.ts"

/** 23:00 in Lisbon. */
const NIGHT = "2026-11-22T23:00:00Z"
const clock = movableClock(NIGHT)
let database: TestDatabase
let s: Awaited<ReturnType<typeof spine>>
let channel: Outlet
let threadId = ""
let sender: ReturnType<typeof createSender>
beforeAll(async () => {
  database = await testDatabase()
  channel = outlet()
  s = await spine({ db: database.db, now: clock.now })
  await s.people.setZone(s.db, OWNER_ID, "Europe/Lisbon")
  await s.people.link(OWNER_ID, "telegram", "42", "42")
  threadId = (await s.people.home(OWNER_ID, new Set(["telegram"]))).threadId
  const channels = new Map([[channel.id, channel]])
  sender = createSender({
    outbox: s.outbox,
    channels,
    notifier: s.notifier,
    clock,
    log: silentLog,
    heldUntil: (message, now) => heldUntil(s.db, message, now),
  })
})
afterAll(async () => {
  await sender.stop()
  await s.stop()
  await database.drop()
})
beforeEach(async () => {
  clock.to(NIGHT)
  channel.sent.length = 0
  await s.db.raw("delete from outbox")
  await s.db.query(sql`update people set zone = 'Europe/Lisbon', quiet_hours = null where id = ${OWNER_ID}`)
})

const put = (words: string, urgency: Post["urgency"], runId?: string) =>
  postNotice(s.db, {
    threadId,
    dedupeKey: newId(),
    text: words,
    now: clock.now(),
    ...(urgency ? { urgency } : {}),
    ...(runId ? { runId } : {}),
  })
async function sent(): Promise<string[]> {
  await sender.sweep()
  await sender.deliver(threadId)
  return channel.sent
}
/** A run of the owner's own words, said now. */
async function run(): Promise<string> {
  const { threadId: lane } = await s.inbox.accept(text("hello", { threadKey: `web:${newId()}` }))
  const claim = await s.leases.claim(lane)
  return claim?.run?.id ?? ""
}

describe("at night", () => {
  test("a notice waits for the morning and then goes, once, without a try being counted", async () => {
    await put("news", "notice")
    expect(await sent()).toEqual([])
    const [row] = await s.db.query(sql`select state, attempts, held_until as "heldUntil" from outbox`)
    expect(row).toEqual({ state: "pending", attempts: 0, heldUntil: new Date("2026-11-23T08:00:00Z") })
    clock.to("2026-11-23T07:59:59Z")
    expect(await sent()).toEqual([])
    clock.to("2026-11-23T08:00:00Z")
    expect(await sent()).toEqual(["news"])
    expect(await sent()).toEqual(["news"])
  })

  test("what the person set for that hour goes", async () => {
    await put("Reminder: the moon", "due")
    expect(await sent()).toEqual(["Reminder: the moon"])
  })

  test("an answer to the person's own words passes a notice that waits", async () => {
    await put("news", "notice")
    await put("the answer", undefined, await run())
    expect(await sent()).toEqual(["the answer"])
    clock.to("2026-11-23T08:00:00Z")
    expect(await sent()).toEqual(["the answer", "news"])
  })

  test("an answer goes for ten minutes after the words, and later waits", async () => {
    const runId = await run()
    clock.pass(10 * 60_000)
    await put("in time", undefined, runId)
    expect(await sent()).toEqual(["in time"])
    clock.pass(1)
    await put("too late", undefined, runId)
    expect(await sent()).toEqual(["in time"])
  })

  test("an answer that belongs to no run goes at once", async () => {
    await put("Welcome", undefined)
    expect(await sent()).toEqual(["Welcome"])
  })
})

test("by day, with no zone, and with quiet hours off, nothing waits", async () => {
  clock.to("2026-11-22T12:00:00Z")
  await put("by day", "notice")
  expect(await sent()).toEqual(["by day"])
  clock.to(NIGHT)
  await s.db.query(sql`update people set zone = null where id = ${OWNER_ID}`)
  await put("no zone", "notice")
  await sent()
  await s.people.setZone(s.db, OWNER_ID, "Europe/Lisbon")
  await setQuiet(s.db, OWNER_ID, "off")
  expect(await quietOf(s.db, OWNER_ID)).toEqual({ zone: "Europe/Lisbon", hours: "off" })
  await put("off", "notice")
  expect(await sent()).toEqual(["by day", "no zone", "off"])
})

test.each([
  ["spring forward", "2026-03-29T00:30:00Z", "2026-03-29T07:00:00Z"],
  ["fall back", "2026-10-25T00:30:00Z", "2026-10-25T08:00:00Z"],
])("on the night of %s it goes at eight on the new clock", async (_night, now, morning) => {
  clock.to(now)
  await put("news", "notice")
  await sent()
  clock.to(new Date(Date.parse(morning) - 1000).toISOString())
  expect(await sent()).toEqual([])
  clock.to(morning)
  expect(await sent()).toEqual(["news"])
})
