/** What cannot reach a person one way goes another, once; and a question that is decided loses its buttons everywhere. */
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  OWNER_PHONE,
  type Product,
  PUBLIC_URL,
  type RunningClock,
  runningClock,
  startProduct,
} from "../support/product.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"
import { start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242

let telegram: TelegramStandIn
let twilio: TwilioStandIn
let clock: RunningClock
let at: Product

beforeEach(async () => {
  ;[telegram, twilio] = await Promise.all([startTelegram(), startTwilio()])
  clock = runningClock("2026-11-22T12:00:00Z")
})
afterEach(async () => {
  await at.stop()
  await Promise.all([telegram.stop(), twilio.stop()])
})

async function start(env: Record<string, string> = {}) {
  at = await startProduct({
    clock,
    env: {
      PUBLIC_URL,
      ...telegram.env,
      TELEGRAM_WEBHOOK_SECRET: "telegram-secret-0123456789",
      OWNER_TELEGRAM_ID: String(OWNER),
      ...env,
    },
  })
}
const sms = () => ({
  ...twilio.env,
  OWNER_PHONE,
})
const texts = () => telegram.sent.map((message) => message.text)

/** A reminder comes due; its text. */
async function remind(what: string): Promise<string> {
  await at.say(`remind me to ${what} in 30 minutes`)
  clock.pass(31 * 60_000)
  return `Reminder: ${what}`
}

interface Reply {
  channel: string
  text: string
  state: string
  error: { code?: string } | null
}
async function repliesOf(kind: string): Promise<Reply[]> {
  const { runs } = await at.api<{ runs: { id: string; kind: string }[] }>("/api/v1/runs")
  const run = runs.find((one) => one.kind === kind)
  return run ? (await at.api<{ replies: Reply[] }>(`/api/v1/runs/${run.id}`)).replies : []
}

test("a number that opted out is followed by Telegram, once, and the trace shows both", async () => {
  await start(sms())
  twilio.optedOut.add(OWNER_PHONE)
  const words = await remind("call mum")
  await expect.poll(texts, WAIT).toEqual([expect.stringContaining(words)])
  await expect
    .poll(async () => (await repliesOf("due")).map(({ channel, state }) => [channel, state]), WAIT)
    .toEqual([
      ["sms", "failed"],
      ["telegram", "sent"],
    ])
  expect((await repliesOf("due"))[0]?.error?.code).toBe("opted_out")
})

test("a text that the carrier could not deliver is followed by Telegram, however often that is reported", async () => {
  await start(sms())
  const words = await remind("water the plants")
  const sent = () => twilio.messages.filter((one) => one.direction === "outbound-api")
  await expect.poll(() => sent().length, WAIT).toBe(1)
  await expect.poll(async () => (await repliesOf("due")).map(({ state }) => state), WAIT).toEqual(["sent"])
  const { sid } = sent()[0] ?? { sid: "" }
  for (const status of ["undelivered", "failed", "undelivered"])
    await twilio.report(sid, status, { errorCode: "30034", deliverTo: at.url })
  await expect.poll(texts, WAIT).toEqual([expect.stringContaining(words)])
  expect((await repliesOf("due")).map(({ channel, state }) => [channel, state])).toEqual([
    ["sms", "failed"],
    ["telegram", expect.stringMatching(/sen[dt]/)],
  ])
})

test("when nothing else is left, the mailbox on the web has it", async () => {
  await start()
  telegram.trouble(
    { status: 403, body: { ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user" } },
    ({ url }) => url.pathname.endsWith("/sendMessage"),
  )
  const words = await remind("stretch")
  await expect
    .poll(async () => (await repliesOf("due")).map(({ channel, state }) => [channel, state]), WAIT)
    .toEqual([
      ["telegram", "failed"],
      ["web", "sent"],
    ])
  const { thread } = await at.say("ping")
  const { messages } = await at.api<{ messages: { text: string }[] }>(`/api/v1/threads/${thread}/messages`)
  expect(messages.filter(({ text }) => text.includes(words))).toHaveLength(1)
})

test("a question asked in Telegram and decided on the web loses its buttons in Telegram", async () => {
  await start()
  for (const fact of ["the van has winter tyres", "the van needs diesel"]) await at.say(`remember that ${fact}`)
  const deliverTo = `${at.url}/webhooks/telegram`
  await expect.poll(() => telegram.webhook()?.url, WAIT).toBe(`${PUBLIC_URL}/webhooks/telegram`)
  await telegram.say({ from: OWNER, text: "forget about the van", deliverTo })
  await expect.poll(() => telegram.sent[0]?.buttons.length, WAIT).toBe(2)
  const { approvals } = await at.api<{ approvals: { code: string }[] }>("/api/v1/approvals")
  await at.say(`${approvals[0]?.code} NO`)
  await expect.poll(() => telegram.sent[0]?.buttons, WAIT).toEqual([])
  expect(telegram.sent[0]?.text).toMatch(/\n\nDenied, \d{1,2}:\d\d [AP]M, on the web$/)
  expect(telegram.methods().filter((method) => method.startsWith("editMessage"))).toEqual(["editMessageText"])
})
