import { afterEach, describe, expect, test } from "vitest"
import { Retry } from "../../src/base/errors.ts"
import { type Log, silentLog } from "../../src/base/log.ts"
import type { Inbound } from "../../src/channels/channel.ts"
import { createSms, type Sms } from "../../src/channels/sms/sms.ts"
import { createTelegram, type Telegram } from "../../src/channels/telegram/telegram.ts"
import type { Intake } from "../../src/thread/intake.ts"
import { type PollerDeps, pollSms, pollTelegram } from "../../src/worker/pollers.ts"
import { movableClock } from "../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
let stop = new AbortController()
afterEach(() => {
  stop = new AbortController()
  clock.to("2026-11-22T12:00:00Z")
})

function deps(over: Partial<PollerDeps> = {}) {
  const taken: string[] = []
  const logged: string[] = []
  const intake: Intake = {
    async message({ externalId }, keyword = null) {
      taken.push(keyword ? `${externalId} ${keyword}` : externalId)
      return "accepted"
    },
  }
  const log: Log = { ...silentLog, warn: (event) => void logged.push(event) }
  return { taken, logged, deps: { intake, clock, random: () => 0.5, log, ...over } }
}

describe("SMS without a public address", () => {
  const real = createSms({ accountSid: `AC${"a".repeat(32)}`, authToken: "t", number: "+15550009999" })
  type Found = Awaited<ReturnType<Sms["listInbound"]>>
  const found = (externalId: string, keyword: Found[number]["keyword"] = null): Found[number] => {
    const thread = { channel: "sms" as const, source: "twilio", threadKey: "sms:1:2" }
    return { inbound: { ...thread, externalId, address: "+1", target: "+1", text: "hi" }, keyword }
  }
  /** Looks as often as there are answers, then stops; tells since when each looked. */
  function looking(answers: (() => Promise<Found>)[]) {
    const since: string[] = []
    const slept: number[] = []
    const sms: Sms = {
      ...real,
      async listInbound(from) {
        since.push(from.toISOString())
        return (answers.shift() ?? (async () => []))()
      },
    }
    const sleep = async (ms: number) => {
      slept.push(ms)
      clock.pass(ms)
      if (answers.length === 0) stop.abort()
    }
    return { sms, since, slept, sleep }
  }

  test("is looked for every ten seconds, first a day back, then ten minutes back", async () => {
    const { sms, since, slept, sleep } = looking([async () => [], async () => [], async () => []])
    await pollSms(sms, deps({ sleep }).deps, stop.signal)
    expect(since).toEqual(["2026-11-21T12:00:00.000Z", "2026-11-22T11:50:00.000Z", "2026-11-22T11:50:10.000Z"])
    expect(slept).toEqual([10_000, 10_000, 10_000])
  })

  test("goes to the intake in its order, with the carrier's words named", async () => {
    const { sms, sleep } = looking([async () => [found("a"), found("b", "stop")]])
    const { deps: with_, taken } = deps({ sleep })
    await pollSms(sms, with_, stop.signal)
    expect(taken).toEqual(["a", "b stop"])
  })

  test("is looked for again as far back when a look failed", async () => {
    const { sms, since, sleep } = looking([() => Promise.reject(new Retry("Twilio is away")), async () => []])
    const { deps: with_, logged } = deps({ sleep })
    await pollSms(sms, with_, stop.signal)
    expect(since).toEqual(["2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.000Z"])
    expect(logged).toEqual(["sms_poll_failed"])
  })

  test("is looked for again when it could not be committed: nothing is passed over", async () => {
    const { sms, since, sleep } = looking([async () => [found("a")], async () => [found("a")]])
    const taken: string[] = []
    let away = true
    const intake: Intake = {
      async message({ externalId }) {
        if (away) {
          away = false
          throw new Error("the database is away")
        }
        taken.push(externalId)
        return "accepted"
      },
    }
    await pollSms(sms, deps({ sleep, intake }).deps, stop.signal)
    expect(taken).toEqual(["a"])
    expect(since[1]).toBe(since[0])
  })

  test("is no longer looked for after the end, which is no failure", async () => {
    const { sms, since, sleep } = looking([
      async () => {
        stop.abort()
        throw new Error("aborted")
      },
    ])
    const { deps: with_, logged } = deps({ sleep })
    await pollSms(sms, with_, stop.signal)
    expect([since.length, logged]).toEqual([1, []])
  })
})

describe("Telegram without a public address", () => {
  const real = createTelegram({ token: "42:test" })
  const message = (id: number, text: string) => ({
    update_id: id,
    message: {
      message_id: id,
      date: 1_700_000_000,
      chat: { id: 7, type: "private" },
      from: { id: 7, is_bot: false },
      text,
    },
  })
  const press = (id: number) => ({
    update_id: id,
    callback_query: {
      id: `q${id}`,
      from: { id: 7, is_bot: false },
      data: "K7 OK",
      message: message(id, "K7?").message,
    },
  })
  /** A bot whose poller hands over `updates` and ends, and the presses that were acknowledged. */
  function bot(updates: unknown[], ack: (pressed: string) => Promise<void> = async () => {}) {
    const acked: string[] = []
    const order: string[] = []
    const telegram: Telegram = {
      ...real,
      poller: (poller) => ({
        async run() {
          for (const update of updates) {
            await poller.accept(update)
            order.push("accepted")
          }
        },
      }),
      async ackPress(pressed) {
        acked.push(pressed)
        await ack(pressed)
      },
    }
    return { telegram, acked, order }
  }

  test("messages go to the intake in their order", async () => {
    const seen: Inbound[] = []
    const intake: Intake = {
      async message(inbound) {
        seen.push(inbound)
        return "accepted"
      },
    }
    await pollTelegram(bot([message(1, "one"), message(2, "two")]).telegram, deps({ intake }).deps, stop.signal)
    expect(seen.map(({ text, address }) => [text, address])).toEqual([
      ["one", "7"],
      ["two", "7"],
    ])
  })

  test("an update is not passed before it is committed", async () => {
    const intake: Intake = { message: () => Promise.reject(new Error("the database is away")) }
    const { telegram, order } = bot([message(1, "one")])
    await expect(pollTelegram(telegram, deps({ intake }).deps, stop.signal)).rejects.toThrow("the database is away")
    expect(order).toEqual([])
  })

  test("a pressed button is acknowledged after it is committed", async () => {
    const order: string[] = []
    const intake: Intake = {
      async message() {
        order.push("committed")
        return "accepted"
      },
    }
    const { telegram } = bot([press(3)], async () => void order.push("acknowledged"))
    await pollTelegram(telegram, deps({ intake }).deps, stop.signal)
    expect(order).toEqual(["committed", "acknowledged"])
  })

  test("a button whose acknowledgement fails is taken all the same", async () => {
    const { telegram, order } = bot([press(3)], () => Promise.reject(new Retry("busy")))
    const { deps: with_, logged, taken } = deps()
    await pollTelegram(telegram, with_, stop.signal)
    expect([taken.length, order, logged]).toEqual([1, ["accepted"], ["ack_failed"]])
  })

  test("what is no message for us is passed over", async () => {
    const { telegram, order } = bot([{ update_id: 1, edited_message: {} }])
    const { deps: with_, taken } = deps()
    await pollTelegram(telegram, with_, stop.signal)
    expect([taken, order]).toEqual([[], ["accepted"]])
  })
})
