import { afterEach, describe, expect, test } from "vitest"
import { Reject, Retry } from "../../src/base/errors.ts"
import { type Log, silentLog } from "../../src/base/log.ts"
import type { Inbound, Keyword } from "../../src/channels/channel.ts"
import { createSms, type Sms } from "../../src/channels/sms/sms.ts"
import { createTelegram, type Telegram } from "../../src/channels/telegram/telegram.ts"
import type { Intake } from "../../src/thread/inbox/intake.ts"
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
    async message({ externalId, carrier }) {
      taken.push(carrier?.took ? `${externalId} ${carrier.took}` : externalId)
      return "accepted"
    },
  }
  const keep = (event: string) => void logged.push(event)
  const log: Log = { ...silentLog, warn: keep, error: keep }
  return { taken, logged, deps: { intake, clock, random: () => 0.5, log, ...over } }
}

describe("SMS without a public address", () => {
  const real = createSms({ accountSid: `AC${"a".repeat(32)}`, authToken: "t", number: "+15550009999" })
  type Found = Awaited<ReturnType<Sms["listInbound"]>>
  const found = (externalId: string, took?: Keyword): Found[number] => {
    const thread = { channel: "sms" as const, source: "twilio", threadKey: "sms:1:2" }
    const carrier = { by: "phone" as const, ...(took === undefined ? {} : { took }) }
    return { ...thread, externalId, address: "+1", target: "+1", text: "hi", carrier }
  }
  /** Lists as often as there are answers, then stops. Returns since when each listing looked. */
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

  test("is listed every ten seconds, first a day back, then ten minutes back", async () => {
    const { sms, since, slept, sleep } = looking([async () => [], async () => [], async () => []])
    await pollSms(sms, deps({ sleep }).deps, stop.signal)
    expect(since).toEqual(["2026-11-21T12:00:00.000Z", "2026-11-22T11:50:00.000Z", "2026-11-22T11:50:10.000Z"])
    expect(slept).toEqual([10_000, 10_000, 10_000])
  })

  test("goes to the intake in its order, with the carrier's keywords marked", async () => {
    const { sms, sleep } = looking([async () => [found("a"), found("b", "stop")]])
    const { deps: with_, taken } = deps({ sleep })
    await pollSms(sms, with_, stop.signal)
    expect(taken).toEqual(["a", "b stop"])
  })

  test("is listed as far back again after a failed listing", async () => {
    const { sms, since, sleep } = looking([() => Promise.reject(new Retry("Twilio is away")), async () => []])
    const { deps: with_, logged } = deps({ sleep })
    await pollSms(sms, with_, stop.signal)
    expect(since).toEqual(["2026-11-21T12:00:00.000Z", "2026-11-21T12:00:00.000Z"])
    expect(logged).toEqual(["sms_poll_failed"])
  })

  test("is listed again when it could not be committed, so that no message is lost", async () => {
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

  describe("that is refused at every try", () => {
    const from = (externalId: string, threadKey: string): Found[number] => ({ ...found(externalId), threadKey })
    const refusing = (refuse: (id: string) => Error | null) => {
      const taken: string[] = []
      const intake: Intake = {
        async message({ externalId }) {
          const error = refuse(externalId)
          if (error) throw error
          taken.push(externalId)
          return "accepted"
        },
      }
      return { taken, intake }
    }
    const all = [from("bad", "sms:1:2"), from("behind", "sms:1:2"), from("other", "sms:1:3")]
    const looks = (count: number) => Array.from({ length: count }, () => async () => all)

    test.each([
      ["by us", new Reject(400, "no")],
      ["by the database", Object.assign(new Error("invalid byte sequence"), { code: "22021" })],
    ])("is passed over at once when it is refused for good %s", async (_, refusal) => {
      const { sms, since, sleep } = looking(looks(2))
      const { taken, intake } = refusing((id) => (id === "bad" ? refusal : null))
      const { deps: with_, logged } = deps({ sleep, intake })
      await pollSms(sms, with_, stop.signal)
      expect(taken).toEqual(["behind", "other", "behind", "other"])
      expect(logged).toEqual(["sms_passed_over"])
      expect(since[1]).toBe("2026-11-22T11:50:00.000Z")
    })

    test("is passed over after five listings in which others got through; the messages behind it come then", async () => {
      const { sms, since, sleep } = looking(looks(7))
      const { taken, intake } = refusing((id) => (id === "bad" ? new Error("a fault of ours") : null))
      const { deps: with_, logged } = deps({ sleep, intake })
      await pollSms(sms, with_, stop.signal)
      expect(taken.filter((id) => id === "behind").length).toBe(2)
      expect(taken.indexOf("behind")).toBe(5)
      expect(logged.filter((event) => event === "sms_passed_over")).toEqual(["sms_passed_over"])
      expect(new Set(since.slice(0, 6))).toEqual(new Set(["2026-11-21T12:00:00.000Z"]))
      expect(since[6]).not.toBe(since[0])
    })

    test("is never passed over while no message gets through, because then the database is away", async () => {
      const { sms, sleep } = looking(looks(12))
      const { taken, intake } = refusing(() => new Error("the database is away"))
      const { deps: with_, logged } = deps({ sleep, intake })
      await pollSms(sms, with_, stop.signal)
      expect([taken, new Set(logged)]).toEqual([[], new Set(["sms_poll_failed"])])
    })
  })

  test("is no longer listed after the end, and the end is not logged as a failure", async () => {
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
  /** A bot whose poller hands over `updates` and then ends. It records which button presses were acknowledged. */
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

  test("a button press is taken even when its acknowledgement fails", async () => {
    const { telegram, order } = bot([press(3)], () => Promise.reject(new Retry("busy")))
    const { deps: with_, logged, taken } = deps()
    await pollTelegram(telegram, with_, stop.signal)
    expect([taken.length, order, logged]).toEqual([1, ["accepted"], ["ack_failed"]])
  })

  test("an update that the database refuses for good is rejected, so that the poller passes it over", async () => {
    const refusal = Object.assign(new Error("unsupported Unicode escape sequence"), { code: "22P05" })
    const intake: Intake = { message: () => Promise.reject(refusal) }
    const { telegram } = bot([message(1, "one")])
    await expect(pollTelegram(telegram, deps({ intake }).deps, stop.signal)).rejects.toMatchObject({
      name: "Reject",
      code: "unstorable",
      cause: refusal,
    })
  })

  test("another program's polling is logged with its fix, kept for the doctor, and forgotten when it is over", async () => {
    const conflict = new Retry("Telegram said: Conflict", { code: "other_poller", fix: "Stop the other program." })
    const telegram: Telegram = {
      ...real,
      poller: (poller) => ({
        async run() {
          poller.onAnswer?.()
          poller.onAnswer?.()
          poller.onFailure?.(new Retry("away"))
          poller.onFailure?.(conflict)
          poller.onFailure?.(conflict)
          poller.onAnswer?.()
        },
      }),
    }
    const told: unknown[] = []
    const { deps: with_, logged } = deps({ trouble: async (trouble) => void told.push(trouble) })
    await pollTelegram(telegram, with_, stop.signal)
    const trouble = { code: "other_poller", message: "Telegram said: Conflict. Stop the other program." }
    expect(told).toEqual([null, trouble, trouble, null])
    expect(logged).toEqual(["telegram_poll_failed", "telegram_polled_elsewhere", "telegram_polled_elsewhere"])
  })

  test("an update without a message for Vigil is passed over", async () => {
    const { telegram, order } = bot([{ update_id: 1, edited_message: {} }])
    const { deps: with_, taken } = deps()
    await pollTelegram(telegram, with_, stop.signal)
    expect([taken, order]).toEqual([[], ["accepted"]])
  })
})
