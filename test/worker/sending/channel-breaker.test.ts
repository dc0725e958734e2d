import { sql } from "drizzle-orm"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { CircuitBreaker } from "../../../src/base/circuit-breaker.ts"
import { Reject, Retry, Uncertain } from "../../../src/base/errors.ts"
import { idOf, newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { ChannelId } from "../../../src/channels/channel.ts"
import { createNotifier } from "../../../src/queue/notifier.ts"
import { createOutbox, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { createChannelBreaker } from "../../../src/worker/sending/channel-breaker.ts"
import { createSender, type Sender } from "../../../src/worker/sending/sender.ts"
import { type Outlet, outlet } from "../../support/channels.ts"
import { type TestDatabase, testDatabase } from "../../support/database.ts"
import { movableClock } from "../../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
let breaker: CircuitBreaker
beforeEach(() => {
  breaker = createChannelBreaker({ clock, log: silentLog })
})
const fail = (times: number, channel: ChannelId = "sms", afterMs?: number) => {
  for (let n = 0; n < times; n++) breaker.failed(channel, afterMs)
}
/** Milliseconds until the channel may be asked again; 0: now. */
const wait = (channel: ChannelId = "sms") => breaker.admit(channel)

describe("a channel", () => {
  test("is paused by the fifth failure in a row, and no other channel with it", () => {
    fail(4)
    expect(wait()).toBe(0)
    fail(1)
    expect(wait()).toBe(5000)
    expect(wait("telegram")).toBe(0)
    expect(breaker.paused()).toEqual([{ service: "sms", failures: 5, until: new Date(clock.now().getTime() + 5000) }])
  })

  test("is not paused when an answer came in between", () => {
    fail(4)
    breaker.answered("sms")
    fail(4)
    expect(wait()).toBe(0)
  })

  test("is probed by one message, and paused longer after each failed probe, up to ten minutes", () => {
    fail(5)
    const pauses = Array.from({ length: 9 }, () => {
      const pause = wait()
      clock.pass(pause)
      expect(wait()).toBe(0)
      expect(wait()).toBe(1000)
      fail(1)
      return pause / 1000
    })
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600])
  })

  test("is open to all once the probe was answered", () => {
    fail(5)
    clock.pass(5000)
    expect(wait()).toBe(0)
    breaker.answered("sms")
    expect([wait(), wait()]).toEqual([0, 0])
    expect(breaker.paused()).toEqual([])
  })

  test("is paused for as long as it asked for", () => {
    fail(5, "sms", 90_000)
    expect(wait()).toBe(90_000)
  })

  test("is probed again when the first probe was never reported", () => {
    fail(5)
    clock.pass(5000)
    expect(wait()).toBe(0)
    clock.pass(60_000)
    expect(wait()).toBe(0)
  })
})

describe("the sender", () => {
  let database: TestDatabase
  let sender: Sender
  let sms: Outlet
  let telegram: Outlet
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.drop())
  beforeEach(async () => {
    await database.db.raw("delete from outbox")
    sms = outlet("sms")
    telegram = outlet("telegram")
    const channels = new Map([sms, telegram].map((channel) => [channel.id, channel]))
    const outbox = createOutbox(database.db)
    sender = createSender({ outbox, channels, notifier: await createNotifier(), clock, log: silentLog, breaker })
  })
  afterEach(() => sender.stop())

  /** A message on a thread of its own. */
  async function put(channel: ChannelId, words: string): Promise<string> {
    const key = `${channel}:${newId()}`
    await database.db.query(
      sql`insert into threads (id, channel, key, target, created_at) values (${idOf(key)}, ${channel}, ${key}, '42', ${clock.now()})`,
    )
    await postNotice(database.db, { threadId: idOf(key), dedupeKey: key, text: words, now: clock.now() })
    return idOf(key)
  }
  const row = async (threadId: string) =>
    (
      await database.db.query<{ state: string; attempts: number; error: unknown }>(
        sql`select state, attempts, error from outbox where thread_id = ${threadId}`,
      )
    )[0]

  test("goes on with one channel while another is dead, and probes that with one message at a time (S7)", async () => {
    const dead = (n: number) => (n % 2 ? new Retry("away") : new Uncertain("lost"))
    sms.next = Array.from({ length: 5 }, (_, n) => () => Promise.reject(dead(n)))
    const waiting: string[] = []
    for (let n = 0; n < 8; n++) waiting.push(await put("sms", `text ${n}`))
    for (const threadId of waiting) await sender.deliver(threadId)
    expect(sms.sent.length).toBe(5)
    expect(await row(waiting[7] ?? "")).toMatchObject({
      state: "pending",
      attempts: 0,
      error: { code: "channel_paused" },
    })
    await sender.deliver(await put("telegram", "hello"))
    expect(telegram.sent).toEqual(["hello"])

    clock.pass(5000)
    const probed = Promise.withResolvers<void>()
    sms.next = [() => probed.promise.then(() => ({ providerId: "p" }))]
    const probe = sender.deliver(waiting[6] ?? "")
    await expect.poll(() => sms.sent.length).toBe(6)
    await sender.deliver(waiting[7] ?? "")
    expect(sms.sent.length).toBe(6)
    probed.resolve()
    await probe
    clock.pass(1000)
    await sender.deliver(waiting[7] ?? "")
    expect(sms.sent.at(-1)).toBe("text 7")
    expect(breaker.paused()).toEqual([])
  })

  test("a refused message says nothing against its channel", async () => {
    sms.next = Array.from({ length: 6 }, () => () => Promise.reject(new Reject(400, "bad number")))
    for (let n = 0; n < 7; n++) await sender.deliver(await put("sms", `text ${n}`))
    expect(sms.sent.length).toBe(7)
  })
})
