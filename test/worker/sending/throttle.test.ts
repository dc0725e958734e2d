import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { Retry } from "../../../src/base/errors.ts"
import { idOf, newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Channel, ChannelId, RateLimit } from "../../../src/channels/channel.ts"
import { smsRateLimits } from "../../../src/channels/sms/rate-limits.ts"
import { telegramRateLimits } from "../../../src/channels/telegram/rate-limits.ts"
import { createNotifier } from "../../../src/queue/notifier.ts"
import { createOutbox, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { createChannelBreaker } from "../../../src/worker/sending/channel-breaker.ts"
import { createSender, type Sender } from "../../../src/worker/sending/sender.ts"
import { createThrottle } from "../../../src/worker/sending/throttle.ts"
import { type Outlet, outlet } from "../../support/channels.ts"
import { ownDatabase } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
const database = await ownDatabase()
const senders: Sender[] = []
beforeEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.stop()))
  clock.to("2026-11-22T12:00:00Z")
  await database.db.raw("delete from outbox")
  await database.db.raw("delete from kv where namespace = 'pace'")
})

const throttle = (perMinute?: Partial<Record<ChannelId, number>>) =>
  createThrottle({ db: database.db, clock, ...(perMinute ? { perMinute } : {}) })
const limited = (rateLimits: (target: string) => RateLimit[], id: ChannelId = "telegram"): Outlet =>
  Object.assign(outlet(id), { rateLimits: ({ target }: { target: string }) => rateLimits(target) })
/** Milliseconds until the next message may go; 0: it may go now. */
async function wait(gate: ReturnType<typeof throttle>, channel: Channel, target = "1", text = "x"): Promise<number> {
  const until = await gate.admit(channel, { target, text })
  return until === null ? 0 : until.getTime() - clock.now().getTime()
}
const waits = async (gate: ReturnType<typeof throttle>, channel: Channel, times: number, target = "1") => {
  const all: number[] = []
  for (let n = 0; n < times; n++) all.push(await wait(gate, channel, target))
  return all
}

describe("a limit", () => {
  const slow = limited((target) => [{ key: `chat:${target}`, burst: 3, everyMs: 1000, units: 1 }])

  test("lets a burst through at once, and then one by one; a message that waits is not counted", async () => {
    const gate = throttle()
    expect(await waits(gate, slow, 6)).toEqual([0, 0, 0, 1000, 1000, 1000])
    clock.pass(999)
    expect(await wait(gate, slow)).toBe(1)
    clock.pass(1)
    expect(await waits(gate, slow, 2)).toEqual([0, 1000])
  })

  test("is full again after a rest, and never more than full", async () => {
    const gate = throttle()
    await waits(gate, slow, 3)
    clock.pass(3_600_000)
    expect(await waits(gate, slow, 4)).toEqual([0, 0, 0, 1000])
  })

  test("of one chat does not count for another chat, nor for another channel", async () => {
    const gate = throttle()
    const other = limited((target) => [{ key: `chat:${target}`, burst: 3, everyMs: 1000, units: 1 }], "sms")
    await waits(gate, slow, 4)
    expect([await wait(gate, slow, "2"), await wait(gate, other, "1")]).toEqual([0, 0])
  })

  test("is used only when every other limit has room too", async () => {
    const gate = throttle()
    const both = limited((target) => [
      { key: "all", burst: 10, everyMs: 100, units: 1 },
      { key: `chat:${target}`, burst: 1, everyMs: 1000, units: 1 },
    ])
    expect(await waits(gate, both, 20)).toEqual([0, ...Array.from({ length: 19 }, () => 1000)])
    // The nineteen messages that waited used nothing of the ten.
    expect(
      await Promise.all(["a", "b", "c", "d", "e", "f", "g", "h", "i"].map((chat) => wait(gate, both, chat))),
    ).toEqual(Array.from({ length: 9 }, () => 0))
    expect(await wait(gate, both, "j")).toBe(100)
  })

  test("admits a message larger than a burst when it is full, and the next one waits for all of its units", async () => {
    const gate = throttle()
    const long = limited(() => [{ key: "all", burst: 3, everyMs: 1000, units: 8 }])
    expect(await waits(gate, long, 2)).toEqual([0, 8000])
  })

  test("is one for all workers on a database", async () => {
    const gates = [throttle(), throttle(), throttle()]
    await wait(throttle(), slow, "first")
    await Promise.all(gates.map((gate) => wait(gate, slow)))
    const more = await Promise.all(gates.map((gate) => wait(gate, slow)))
    expect(more.filter((ms) => ms === 0).length).toBeLessThanOrEqual(2)
    expect(await Promise.all(gates.map((gate) => wait(gate, slow)))).toEqual([1000, 1000, 1000])
  })

  test("that is set for a channel replaces the provider's, and no minute sees more", async () => {
    const gate = throttle({ telegram: 30 })
    const quick = limited(() => [{ key: "all", burst: 100, everyMs: 1, units: 1 }])
    let sent = 0
    for (let ms = 0; ms < 60_000; ms += 500) {
      if ((await wait(gate, quick)) === 0) sent++
      clock.pass(500)
    }
    expect(sent).toBeGreaterThan(20)
    expect(sent).toBeLessThanOrEqual(30)
  })

  test("does not exist where the channel has none", async () => {
    expect(await waits(throttle(), outlet(), 50)).toEqual(Array.from({ length: 50 }, () => 0))
  })
})

describe("what providers take", () => {
  test("Telegram: thirty a second in all, one a second in a chat after a burst, twenty a minute in a group and its topics", async () => {
    const telegram = Object.assign(outlet("telegram"), { rateLimits: telegramRateLimits })
    const within = async (targets: (n: number) => string, ms: number, step: number) => {
      const gate = throttle()
      let sent = 0
      for (let n = 0; n * step < ms; n++) {
        if ((await wait(gate, telegram, targets(n))) === 0) sent++
        clock.pass(step)
      }
      return sent
    }
    expect(await within((n) => String(n), 1000, 10)).toBeLessThanOrEqual(30)
    clock.pass(60_000)
    expect(await within(() => "7", 30_000, 100)).toBeLessThanOrEqual(35)
    clock.pass(60_000)
    const inGroup = await within((n) => `-100${n % 2 ? ":5" : ""}`, 60_000, 500)
    expect(inGroup).toBeGreaterThan(15)
    expect(inGroup).toBeLessThanOrEqual(20)
  })

  test("Telegram counts the parts that are still to be sent, SMS segments, WhatsApp texts", () => {
    const long = "word ".repeat(2000)
    const units = (rateLimits: RateLimit[]) => rateLimits.map((rateLimit) => rateLimit.units)
    expect(units(telegramRateLimits({ target: "7", text: long }))).toEqual([3, 3])
    expect(units(telegramRateLimits({ target: "7", text: long, done: ["a", "b"] }))).toEqual([1, 1])
    expect(units(smsRateLimits({ target: "+15551234567", text: "x".repeat(161) }))).toEqual([2])
    expect(units(smsRateLimits({ target: "whatsapp:+15551234567", text: "x".repeat(161) }))).toEqual([1])
    expect(telegramRateLimits({ target: "nobody", text: "x" })).toEqual([])
  })
})

async function lane(channel: ChannelId, target: string, ...texts: string[]): Promise<string> {
  const key = `${channel}:${newId()}`
  const id = idOf(key)
  await database.db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${id}, ${channel}, ${key}, ${target}, ${clock.now()})`,
  )
  for (const text of texts) await postNotice(database.db, { threadId: id, dedupeKey: newId(), text, now: clock.now() })
  return id
}
async function senderTo(...channels: Outlet[]) {
  const breaker = createChannelBreaker({ clock, log: silentLog })
  const sender = createSender({
    outbox: createOutbox(database.db),
    channels: new Map(channels.map((channel) => [channel.id, channel])),
    notifier: await createNotifier(),
    clock,
    log: silentLog,
    breaker,
    throttle: throttle(),
  })
  senders.push(sender)
  return { sender, breaker }
}
/** One sweep a second, for this many seconds. */
async function sweeps(sender: Sender, seconds: number, ...threads: string[]) {
  for (let n = 0; n < seconds; n++) {
    clock.pass(1000)
    await sender.sweep()
    await Promise.all(threads.map((threadId) => sender.deliver(threadId)))
  }
}

describe("a sender", () => {
  const words = Array.from({ length: 8 }, (_, n) => `word ${n}`)

  test("keeps the order of a thread, and a wait counts as no attempt (S1, S7)", async () => {
    const channel = limited(() => [{ key: "all", burst: 2, everyMs: 1000, units: 1 }])
    const { sender } = await senderTo(channel)
    const threadId = await lane("telegram", "1", ...words)
    await sender.deliver(threadId)
    expect(channel.sent).toEqual(words.slice(0, 2))
    await sweeps(sender, 3, threadId)
    expect(channel.sent).toEqual(words.slice(0, 5))
    await sweeps(sender, 3, threadId)
    expect(channel.sent).toEqual(words)
    const rows = await database.db.query(sql`select distinct state, attempts from outbox where thread_id = ${threadId}`)
    expect(rows).toEqual([{ state: "sent", attempts: 1 }])
  })

  test("goes on with other chats and channels while one waits", async () => {
    const paced = limited((target) => [{ key: `chat:${target}`, burst: 1, everyMs: 60_000, units: 1 }])
    const dead = outlet("sms")
    dead.next = Array.from({ length: 20 }, () => () => Promise.reject(new Retry("away")))
    const free = outlet("email")
    const { sender } = await senderTo(paced, dead, free)
    const threads = await Promise.all([
      lane("telegram", "1", "one", "two"),
      lane("telegram", "2", "other one", "other two"),
      lane("sms", "+15551234567", ...words),
      lane("email", "a@example.com", ...words),
    ])
    await Promise.all(threads.map((threadId) => sender.deliver(threadId)))
    await sweeps(sender, 5, ...threads)
    expect(paced.sent.toSorted()).toEqual(["one", "other one"])
    expect(free.sent).toEqual(words)
    expect(dead.sent.length).toBeGreaterThan(1)
  })

  test("does not use up the probe of a paused channel for a message that must wait", async () => {
    const channel = limited(() => [{ key: "all", burst: 1, everyMs: 10_000, units: 1 }])
    const { sender, breaker } = await senderTo(channel)
    const threadId = await lane("telegram", "1", "one", "two")
    await sender.deliver(threadId)
    for (let n = 0; n < 5; n++) breaker.failed("telegram")
    clock.pass(5000)
    await sender.deliver(threadId)
    expect(channel.sent).toEqual(["one"])
    await sweeps(sender, 5, threadId)
    expect(channel.sent).toEqual(["one", "two"])
    expect(breaker.paused()).toEqual([])
  })
})
