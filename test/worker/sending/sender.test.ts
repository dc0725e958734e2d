import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Reject, Retry, Uncertain } from "../../../src/base/errors.ts"
import { idOf, newId } from "../../../src/base/ids.ts"
import { silentLog } from "../../../src/base/log.ts"
import type { Lookup, Receipt } from "../../../src/channels/channel.ts"
import { createNotifier, type Notifier } from "../../../src/queue/notifier.ts"
import { createOutbox, type Outbox, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { createSender, type Sender } from "../../../src/worker/sending/sender.ts"
import { type Outlet, outlet } from "../../support/channels.ts"
import { ownDatabase } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
const database = await ownDatabase()
let outbox: Outbox
let notifier: Notifier
let senders: Sender[] = []
beforeAll(async () => {
  outbox = createOutbox(database.db)
})
beforeEach(async () => {
  await Promise.all(senders.map((sender) => sender.stop()))
  senders = []
  notifier = await createNotifier()
  clock.to("2026-11-22T12:00:00Z")
  await database.db.raw("delete from outbox")
})

function senderTo(...channels: Outlet[]): Sender {
  const byId = new Map(channels.map((channel) => [channel.id, channel]))
  const sender = createSender({ outbox, channels: byId, notifier, clock, log: silentLog })
  senders.push(sender)
  return sender
}
/** A thread with messages that wait to be sent. */
async function lane(...texts: string[]): Promise<string> {
  const key = `telegram:${newId()}`
  const id = idOf(key)
  await database.db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${id}, 'telegram', ${key}, '42', ${clock.now()})`,
  )
  for (const text of texts) await put(id, text)
  return id
}
const put = (threadId: string, text: string) =>
  postNotice(database.db, { threadId, dedupeKey: newId(), text, now: clock.now() })
const rows = (threadId: string) =>
  database.db.query<{ state: string; providerId: string | null; attempts: number; nextAt: Date; error: unknown }>(sql`
    select state, provider_id as "providerId", attempts, next_at as "nextAt", error from outbox where thread_id = ${threadId} order by seq`)
const refused = (afterMs?: number) => () => Promise.reject(new Retry("busy", afterMs === undefined ? {} : { afterMs }))
const lost = () => Promise.reject(new Uncertain("the answer was lost"))
/** Lets time pass, and sends what is then due. */
async function later(sender: Sender, ms: number, threadId: string) {
  clock.pass(ms)
  await sender.sweep()
  await sender.deliver(threadId)
}

test("the text of a failure is stored without secrets (S8)", async () => {
  const channel = outlet()
  channel.next = [() => Promise.reject(new Retry("bad token 666:secret"))]
  const scrub = (text: string) => text.replaceAll("666:secret", "[secret]")
  const sender = createSender({
    outbox,
    channels: new Map([[channel.id, channel]]),
    notifier,
    clock,
    log: silentLog,
    scrub,
  })
  senders.push(sender)
  const threadId = await lane("one")
  await sender.deliver(threadId)
  expect(JSON.stringify(await rows(threadId))).toContain("bad token [secret]")
  expect(JSON.stringify(await rows(threadId))).not.toContain("666:secret")
})

describe("a database that is away after a message was accepted", () => {
  const gone = () => Promise.reject(Object.assign(new Error("the connection closed"), { code: "CONNECTION_CLOSED" }))
  const failures: string[] = []
  function senderWith(channel: Outlet, sent: Outbox["sent"]): Sender {
    const failed: Outbox["failed"] = async (id) => void failures.push(id)
    const channels = new Map([[channel.id, channel]])
    const sender = createSender({ outbox: { ...outbox, sent, failed }, channels, notifier, clock, log: silentLog })
    senders.push(sender)
    return sender
  }

  test("stores the acceptance when it is back, and the message is not sent again (S5)", async () => {
    const channel = outlet()
    const threadId = await lane("one")
    let tries = 0
    await senderWith(channel, (...args) => (++tries === 1 ? gone() : outbox.sent(...args))).deliver(threadId)
    expect(await rows(threadId)).toMatchObject([{ state: "sent", providerId: "p1", attempts: 1 }])
    expect([channel.sent, failures]).toEqual([["one"], []])
  })
})

describe("the messages of a thread", () => {
  test("are sent in their order, each with the provider's id (S1, O2, O3)", async () => {
    const channel = outlet()
    const threadId = await lane("one", "two", "three")
    await senderTo(channel).deliver(threadId)
    expect(channel.sent).toEqual(["one", "two", "three"])
    expect((await rows(threadId)).map((row) => [row.state, row.providerId])).toEqual([
      ["sent", "p1"],
      ["sent", "p2"],
      ["sent", "p3"],
    ])
  })

  test("are sent once, though many senders race for them (S1)", async () => {
    const channel = outlet()
    const threadId = await lane("one", "two", "three")
    const two = [senderTo(channel), senderTo(channel)]
    await Promise.all(two.flatMap((sender) => [sender.deliver(threadId), sender.deliver(threadId)]))
    await two[0]?.deliver(threadId)
    expect(channel.sent).toEqual(["one", "two", "three"])
  })

  test("are sent by one sender at a time: no other sends while it has one in hand (S1)", async () => {
    const channel = outlet()
    const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    channel.next = [
      async () => {
        begun.resolve()
        await go.promise
        return { providerId: "slow" }
      },
    ]
    const threadId = await lane("one", "two")
    const first = senderTo(channel).deliver(threadId)
    await begun.promise
    await senderTo(channel).deliver(threadId)
    expect(channel.sent).toEqual(["one"])
    go.resolve()
    await first
    expect(channel.sent).toEqual(["one", "two"])
  })

  test("are sent when the notifier tells of them, and the sender then notifies of the thread", async () => {
    const channel = outlet()
    const threadId = await lane("one")
    senderTo(channel)
    const notified = Promise.withResolvers<string>()
    notifier.listen("thread", notified.resolve)
    notifier.notify("outbox", threadId)
    expect(await notified.promise).toBe(threadId)
    expect(channel.sent).toEqual(["one"])
  })

  test("are sent by the sweep when the notifier told nothing", async () => {
    const channel = outlet()
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.sweep()
    await sender.stop()
    expect([channel.sent, (await rows(threadId))[0]?.state]).toEqual([["one"], "sent"])
  })

  test("stay when the sender was stopped, and the notifier no longer wakes it", async () => {
    const channel = outlet()
    const sender = senderTo(channel)
    await sender.stop()
    const threadId = await lane("one")
    notifier.notify("outbox", threadId)
    await sender.deliver(threadId)
    expect([channel.sent, (await rows(threadId))[0]?.state]).toEqual([[], "pending"])
  })
})

describe("a message that was surely refused", () => {
  test("holds back the messages behind it until its next try (S2)", async () => {
    const channel = outlet()
    channel.next = [refused(60_000)]
    const threadId = await lane("one", "two")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    expect(channel.sent).toEqual(["one"])
    await later(sender, 59_999, threadId)
    expect(channel.sent).toEqual(["one"])
    await later(sender, 1, threadId)
    expect(channel.sent).toEqual(["one", "one", "two"])
  })

  test("waits longer each time, and fails with the reason after eight tries (S2)", async () => {
    const channel = outlet()
    channel.next = Array.from({ length: 20 }, () => refused())
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    const waits: number[] = []
    for (let [row] = await rows(threadId); row?.state === "pending"; [row] = await rows(threadId)) {
      waits.push(row.nextAt.getTime() - clock.now().getTime())
      await later(sender, waits.at(-1) ?? 0, threadId)
    }
    expect(waits).toEqual([500, 2000, 8000, 32_000, 128_000, 512_000, 600_000])
    expect((await rows(threadId))[0]).toMatchObject({
      state: "failed",
      attempts: 8,
      error: { code: "retry", message: "busy" },
    })
  })

  test("for good fails at once, and does not hold up the next (S2)", async () => {
    const channel = outlet()
    channel.next = [() => Promise.reject(new Reject(403, "the bot was blocked", { code: "blocked" }))]
    const threadId = await lane("one", "two")
    await senderTo(channel).deliver(threadId)
    expect(await rows(threadId)).toMatchObject([
      { state: "failed", attempts: 1, error: { code: "blocked", message: "the bot was blocked" } },
      { state: "sent" },
    ])
  })

  test("because its channel is not set up fails, and says which channel", async () => {
    const threadId = await lane("one")
    await senderTo(outlet("sms")).deliver(threadId)
    expect(await rows(threadId)).toMatchObject([
      { state: "failed", error: { code: "not_mounted", message: "telegram is not set up" } },
    ])
  })
})

describe("a message that may have arrived", () => {
  const looked = (answers: (Receipt | "absent" | null)[]) => {
    const asked: Lookup[] = []
    const channel = outlet("telegram", async (lookup) => {
      asked.push(lookup)
      return answers.shift() ?? null
    })
    return { asked, channel }
  }

  test("is not sent again when the provider has it (S3)", async () => {
    const { channel, asked } = looked([{ providerId: "found" }])
    channel.next = [lost]
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    await later(sender, 3_600_000, threadId)
    expect(channel.sent).toEqual(["one"])
    expect(await rows(threadId)).toMatchObject([{ state: "sent", providerId: "found" }])
    expect(asked).toMatchObject([{ target: "42", text: "one", done: [], since: new Date("2026-11-22T12:00:00Z") }])
  })

  test("is sent again when the provider says that it does not have it (S3)", async () => {
    const { channel } = looked(["absent"])
    channel.next = [lost]
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    await later(sender, 500, threadId)
    expect(channel.sent).toEqual(["one", "one"])
    expect(await rows(threadId)).toMatchObject([{ state: "sent" }])
  })

  test("is left uncertain after eight tries when the provider never has it", async () => {
    const { channel } = looked(Array.from({ length: 20 }, () => "absent" as const))
    channel.next = Array.from({ length: 20 }, () => lost)
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    for (let n = 0; n < 12; n++) await later(sender, 600_000, threadId)
    expect(channel.sent).toHaveLength(8)
    expect(await rows(threadId)).toMatchObject([{ state: "uncertain" }])
  })

  test.each([
    ["cannot say", async () => null],
    ["refuses to say", () => Promise.reject(new Reject(401, "who are you?"))],
  ])("is not sent again, but left to the owner, when the provider %s (S3)", async (_why, lookup) => {
    const channel = outlet("telegram", lookup)
    channel.next = [lost]
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    await later(sender, 600_000, threadId)
    expect(channel.sent).toEqual(["one"])
    expect(await rows(threadId)).toMatchObject([{ state: "uncertain", error: { code: "unknown_outcome" } }])
  })

  test("is looked up again for an hour while the provider does not answer, and none overtakes it meanwhile (S1, S3)", async () => {
    const answers: (() => Promise<Receipt | null>)[] = Array.from(
      { length: 3 },
      () => () => Promise.reject(new Retry("away")),
    )
    answers.push(async () => ({ providerId: "found" }))
    const channel = outlet("telegram", async () => (await answers.shift()?.()) ?? null)
    channel.next = [lost]
    const threadId = await lane("one", "two")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    for (let n = 0; n < 2; n++) {
      await outbox.dropAll()
      await later(sender, 20_000, threadId)
      expect([channel.sent, (await rows(threadId))[0]?.state]).toEqual([["one"], "sending"])
    }
    await outbox.dropAll()
    await later(sender, 20_000, threadId)
    expect(channel.sent).toEqual(["one", "two"])
    expect(await rows(threadId)).toMatchObject([{ state: "sent", providerId: "found" }, { state: "sent" }])
  })

  test("is sent once more at most, with a note, when no provider can be asked (S4)", async () => {
    const channel = outlet()
    channel.next = [lost, lost, lost]
    const threadId = await lane("one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    for (let n = 0; n < 5; n++) await later(sender, 600_000, threadId)
    expect(channel.sent).toEqual(["one", "one\n\n_(Sent again: nobody could say whether it arrived the first time.)_"])
    expect(await rows(threadId)).toMatchObject([{ state: "uncertain", error: { code: "unknown_outcome" } }])
  })

  test("has the note also after a pause, but not on a channel that shows a repeated message once (S4, O4)", async () => {
    const [telegram, email] = [outlet("telegram"), outlet("telegram")]
    Object.assign(email.capabilities, { once: true })
    for (const channel of [telegram, email]) {
      channel.next = [lost, refused(0)]
      const sender = senderTo(channel)
      const threadId = await lane("one")
      await sender.deliver(threadId)
      for (let n = 0; n < 3; n++) await later(sender, 600_000, threadId)
    }
    expect(telegram.sent.map((text) => text.includes("Sent again"))).toEqual([false, true, true])
    expect(email.sent).toEqual(["one", "one", "one"])
  })
})

describe("a message of several parts", () => {
  test("goes on after the part that was accepted last (S5)", async () => {
    const channel = outlet()
    const done: unknown[] = []
    channel.next = [
      async (message) => {
        await message.onPart?.("a")
        await message.onPart?.("b")
        throw new Retry("busy", { afterMs: 0 })
      },
      async (message) => {
        done.push(message.done)
        return { providerId: [...(message.done ?? []), "c"].join(",") }
      },
    ]
    const threadId = await lane("a long one")
    const sender = senderTo(channel)
    await sender.deliver(threadId)
    await later(sender, 0, threadId)
    expect(done).toEqual([["a", "b"]])
    expect(await rows(threadId)).toMatchObject([{ state: "sent", providerId: "a,b,c" }])
  })

  test("is looked up only for the parts that may not have arrived", async () => {
    const asked: Lookup[] = []
    const channel = outlet("telegram", async (lookup) => {
      asked.push(lookup)
      return null
    })
    channel.next = [
      async (message) => {
        await message.onPart?.("a")
        return lost()
      },
    ]
    await senderTo(channel).deliver(await lane("a long one"))
    expect(asked[0]?.done).toEqual(["a"])
  })
})

describe("a sender that died while sending", () => {
  async function died(text: string): Promise<string> {
    const threadId = await lane(text)
    await outbox.take(threadId, clock.now())
    return threadId
  }

  test("keeps its message while it may still be alive (S6)", async () => {
    const channel = outlet()
    const threadId = await died("one")
    const sender = senderTo(channel)
    await sender.sweep()
    await sender.stop()
    expect([channel.sent, (await rows(threadId))[0]?.state]).toEqual([[], "sending"])
  })

  test("leaves a message that the sweep looks up and finds sent (S6)", async () => {
    const channel = outlet("telegram", async () => ({ providerId: "found" }))
    const threadId = await died("one")
    await outbox.dropAll()
    await senderTo(channel).sweep()
    expect(await rows(threadId)).toMatchObject([{ state: "sent", providerId: "found" }])
    expect(channel.sent).toEqual([])
  })

  test("leaves a message that is sent once more where no provider can be asked (S4, S6)", async () => {
    const channel = outlet()
    const threadId = await died("one")
    await outbox.dropAll()
    const sender = senderTo(channel)
    await sender.sweep()
    await later(sender, 600_000, threadId)
    expect(channel.sent).toMatchObject([expect.stringMatching(/^one\n\n_\(Sent again/)])
    expect(await rows(threadId)).toMatchObject([{ state: "sent", attempts: 2 }])
  })
})
