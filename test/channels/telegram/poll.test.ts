import { afterEach, beforeEach, expect, test } from "vitest"
import { Reject, Retry } from "../../../src/base/errors.ts"
import type { TelegramPollerDeps } from "../../../src/channels/telegram/poll.ts"
import { createTelegram } from "../../../src/channels/telegram/telegram.ts"
import { start, type TelegramStandIn } from "../../support/telegram-stand-in.ts"

let server: TelegramStandIn
let stop: AbortController
let accepted: string[]
let slept: number[]
let now: number

beforeEach(async () => {
  server = await start()
  stop = new AbortController()
  accepted = []
  slept = []
  now = 0
})
afterEach(async () => {
  stop.abort()
  await server.stop()
})

/** A poller that stores texts, records its sleeps instead of sleeping, and ends after `sleeps` of them. */
function poller(deps: Partial<Omit<TelegramPollerDeps, "call">> = {}, sleeps = 1) {
  const telegram = createTelegram({ token: server.token, apiRoot: server.url })
  return telegram.poller({
    clock: { now: () => new Date(now) },
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms)
      if (slept.length >= sleeps) stop.abort()
    },
    accept: async (update) => {
      const [inbound] = telegram.parse(update)
      accepted.push(inbound?.text ?? "nothing")
      if (inbound?.text === "last") stop.abort()
    },
    ...deps,
  })
}

const offsets = () =>
  server.asked
    .filter((asked) => asked.url.pathname.endsWith("/getUpdates"))
    .map((asked) => JSON.parse(asked.body).offset)

test("the webhook is removed first; then messages arrive in order, and the offset moves past each", async () => {
  await server.say({ from: 42, text: "one" })
  await server.say({ from: 42, text: "two" })
  const running = poller().run(stop.signal)
  while (accepted.length < 2 || offsets().length < 2) await new Promise((next) => setImmediate(next))
  await server.say({ from: 42, text: "last" })
  await running
  expect(accepted).toEqual(["one", "two", "last"])
  expect(server.methods()[0]).toBe("deleteWebhook")
  expect(offsets()).toEqual([undefined, 3])
  expect(slept).toEqual([])
})

test("a pressed button arrives like a message", async () => {
  await server.press({ from: 42, data: "last", messageId: 3 })
  await poller().run(stop.signal)
  expect(accepted).toEqual(["last"])
})

test("an update that could not be stored is offered again, and no later update is confirmed", async () => {
  await server.say({ from: 42, text: "one" })
  await server.say({ from: 42, text: "last" })
  const failures: unknown[] = []
  let tries = 0
  const telegram = createTelegram({ token: server.token, apiRoot: server.url })
  const accept = async (update: unknown) => {
    tries += 1
    if (tries === 2) throw new Retry("the database is away")
    const text = telegram.parse(update)[0]?.text ?? ""
    accepted.push(text)
    if (text === "last") stop.abort()
  }
  await poller({ accept, onFailure: (error) => failures.push(error) }, 9).run(stop.signal)
  expect(accepted).toEqual(["one", "last"])
  expect(offsets()).toEqual([undefined, 2])
  expect(failures).toMatchObject([{ message: "the database is away" }])
  expect(slept).toEqual([750])
})

test("an update that can never be stored is reported and skipped", async () => {
  server.push({ update_id: 1, message: { bad: true } })
  server.push({
    update_id: 2,
    message: { message_id: 2, chat: { id: 42, type: "private" }, from: { id: 42 }, text: "last" },
  })
  const failures: unknown[] = []
  const telegram = createTelegram({ token: server.token, apiRoot: server.url })
  const accept = async (update: unknown) => {
    const [inbound] = telegram.parse(update)
    if (inbound === undefined) throw new Reject(400, "no message")
    accepted.push(inbound.text)
    stop.abort()
  }
  await poller({ accept, onFailure: (error) => failures.push(error) }).run(stop.signal)
  expect(accepted).toEqual(["last"])
  expect(failures).toMatchObject([{ message: "no message" }])
})

test("after an empty answer that came at once the poller pauses", async () => {
  const empty = { status: 200, body: { ok: true, result: [] } }
  for (let n = 0; n < 5; n += 1) server.trouble(empty, (asked) => asked.url.pathname.endsWith("/getUpdates"))
  await poller({}, 3).run(stop.signal)
  expect(slept).toEqual([1000, 1000, 1000])
  expect(offsets().length).toBe(3)
})

test("the pauses after failures grow, and a pause that Telegram asks for is kept", async () => {
  server.trouble({ drop: true })
  server.trouble({ status: 502, body: "<html>" })
  server.trouble({
    status: 429,
    body: { ok: false, error_code: 429, description: "Too Many Requests", parameters: { retry_after: 11 } },
  })
  server.trouble({
    status: 409,
    body: { ok: false, error_code: 409, description: "Conflict: terminated by other getUpdates request" },
  })
  await poller({}, 4).run(stop.signal)
  expect(slept).toEqual([750, 1500, 11_000, 6000])
})

test("a very long pause is cut, and each answer is reported before its updates are stored", async () => {
  const parameters = { retry_after: 86_400 }
  server.trouble({ status: 429, body: { ok: false, error_code: 429, description: "Too Many Requests", parameters } })
  const order: string[] = []
  await server.say({ from: 42, text: "last" })
  const accept = async () => {
    order.push("update")
    stop.abort()
  }
  await poller({ accept, onAnswer: () => void order.push("answer") }, 9).run(stop.signal)
  expect(slept).toEqual([300_000])
  expect(order).toEqual(["answer", "update"])
})

test.each([
  ["Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", "other_poller"],
  ["Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first", "webhook_elsewhere"],
])("a conflict names its cause: %s", async (description, code) => {
  server.trouble({ status: 409, body: { ok: false, error_code: 409, description } }, (asked) =>
    asked.url.pathname.endsWith("/getUpdates"),
  )
  const failures: unknown[] = []
  await poller({ onFailure: (error) => failures.push(error) }).run(stop.signal)
  expect(failures).toMatchObject([{ code, fix: expect.stringContaining("its own bot") }])
})

test("a wrong token ends the poller with what to fix", async () => {
  server.trouble({ status: 401, body: { ok: false, error_code: 401, description: "Unauthorized" } })
  await expect(poller().run(stop.signal)).rejects.toMatchObject({ name: "Misconfigured" })
})

test("an abort ends a long poll at once, without an error", async () => {
  const running = poller().run(stop.signal)
  while (offsets().length === 0) await new Promise((next) => setImmediate(next))
  stop.abort()
  await running
  expect(slept).toEqual([])
})
