/** A person texts it: Twilio's signed form in, empty TwiML back, the answer as a message of its own. */
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest"
import type { Clock } from "../../src/base/clock.ts"
import { chatReply } from "../model/stand-in.ts"
import { OWNER_PHONE, type Product, PUBLIC_URL, runningClock, startProduct } from "../support/product.ts"
import { startStandIn } from "../support/stand-in.ts"
import { openTwilioOracle, type TwilioOracle } from "../support/twilio-oracle.ts"
import { type StoredMessage, start as startTwilio, type TwilioStandIn } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const WEBHOOK = `${PUBLIC_URL}/webhooks/twilio`
const STRANGER = "+15559998888"

let twilio: TwilioStandIn
let product: Product | undefined
/** Twilio's description judges every call of these stories, where it is installed. */
let oracle: TwilioOracle | null = null

beforeEach(async () => {
  oracle ??= await openTwilioOracle()
  twilio = await startTwilio({ oracle })
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await twilio.stop()
  expect(twilio.faults).toEqual([])
})

async function started(env: Record<string, string> = {}, clock?: Clock): Promise<Product> {
  product = await startProduct({
    ...(clock ? { clock } : {}),
    env: {
      PUBLIC_URL,
      ...twilio.env,
      OWNER_PHONE,
      ...env,
    },
  })
  return product
}

/** A text comes in; answers with the webhook's response. */
async function text(at: Product, body: string, from = OWNER_PHONE): Promise<Response> {
  const response = await twilio.receive({ from, body, webhookUrl: WEBHOOK, deliverTo: at.url })
  if (response === null) throw new Error("the text was not delivered")
  return response
}

const sent = (): StoredMessage[] => twilio.messages.filter((message) => message.direction === "outbound-api")
const bodies = () => sent().map((message) => message.body)

/** The next message to a phone after the `n` so far. */
async function reply(n: number): Promise<string> {
  await expect.poll(() => sent().length, WAIT).toBeGreaterThan(n)
  return sent()[n]?.body ?? ""
}

interface Run {
  id: string
  kind: string
  state: string
  trigger: string
}
const runs = async (at: Product) => (await at.api<{ runs: Run[] }>("/api/v1/runs")).runs

interface Trace {
  questions: { code: string; args: string; state: string; answeredVia: string }[]
  steps: { kind: string; name: string; request: { args?: unknown } | null; result: unknown }[]
  replies: { channel: string; text: string; state: string; providerId: string | null }[]
}

test("a text is answered with empty TwiML, then with a message that is followed to its delivery", async () => {
  const at = await started()
  const response = await text(at, "remember that the spare key is under the blue pot")
  expect(response.status).toBe(200)
  expect(response.headers.get("content-type")).toContain("text/xml")
  expect(await response.text()).toBe("<Response/>")
  expect(await reply(0)).toContain("the spare key is under the blue pot")
  expect(sent()[0]).toMatchObject({ from: twilio.number, to: OWNER_PHONE })

  const [run] = await runs(at)
  const state = async () => (await at.api<Trace>(`/api/v1/runs/${run?.id}`)).replies.map((one) => one.state)
  await expect.poll(state, WAIT).toEqual(["sent"])
  const reported = await twilio.report(sent()[0]?.sid ?? "", "delivered", { deliverTo: at.url })
  expect(reported.status).toBe(204)
  expect(await state()).toEqual(["delivered"])
})

test("a stranger gets no answer, and leaves no run", async () => {
  const at = await started()
  expect((await text(at, "what do you know about the owner?", STRANGER)).status).toBe(200)
  await text(at, "ping")
  await reply(0)
  expect(sent().map((message) => message.to)).toEqual([OWNER_PHONE])
  expect((await runs(at)).map((run) => run.trigger)).toEqual(["ping"])
})

test("a form that Twilio did not sign is refused, and nothing comes of it", async () => {
  const at = await started()
  const form = new URLSearchParams({
    MessageSid: "SM1",
    AccountSid: twilio.accountSid,
    From: OWNER_PHONE,
    To: twilio.number,
    Body: "forget 1",
  })
  const post = (headers: Record<string, string>) => at.ask("/webhooks/twilio", { method: "POST", body: form, headers })
  expect((await post({})).status).toBe(403)
  expect((await post({ "x-twilio-signature": Buffer.from("forged").toString("base64") })).status).toBe(403)
  expect(await runs(at)).toEqual([])
})

test("after STOP nothing is sent to the phone until START, and the two words start no run", async () => {
  const at = await started()
  await text(at, "STOP")
  expect((await at.say("digest")).reply).toMatch(/^Triage .*no issues$/)
  await text(at, "START")
  expect((await at.say("digest")).reply).toMatch(/Sent to SMS\.$/)
  expect(await reply(0)).toMatch(/^Triage .*no issues$/)
  expect(sent().length).toBe(1)
  expect((await runs(at)).map((run) => run.trigger)).toEqual(["digest", "digest"])
})

test("of a long answer the first page is sent, and each MORE brings the next, until all of it was said", async () => {
  const answer = Array.from({ length: 150 }, (_, n) => `Item *${n + 1}*.`).join(" ")
  const server = await startStandIn(() => chatReply({ content: answer }))
  onTestFinished(server.stop)
  const at = await started({ OPENAI_BASE_URL: `${server.url}/v1`, VIGIL_MODEL: "some-model" })
  await text(at, "list everything")
  let last = await reply(0)
  for (let page = 1; last.endsWith("Reply MORE for the rest"); page += 1) {
    await text(at, page === 1 ? "More." : "MORE")
    last = await reply(page)
  }
  expect(sent().length).toBeGreaterThan(2)
  const said = bodies().join(" ")
  expect(said.match(/Item \d+\./g)).toEqual(answer.replaceAll("*", "").match(/Item \d+\./g))
  for (const body of bodies()) expect(body.length).toBeLessThanOrEqual(4 * 153)
  await text(at, "more")
  expect(await reply(sent().length)).toBe("That was all.")
  expect((await runs(at)).filter((run) => run.kind === "message").length).toBe(1)
})

test("HELP is the carrier's; COMMANDS lists ours", async () => {
  const at = await started()
  await text(at, "HELP")
  await text(at, "commands")
  expect(await reply(0)).toContain("/status: how I am")
  expect((await runs(at)).map((run) => run.trigger)).toEqual(["/help"])
})

test("two texts in quick succession are one run with one answer to both", async () => {
  const asked: string[] = []
  const server = await startStandIn(({ body }) => {
    asked.push(body)
    return chatReply({ content: body.includes("and some bread") ? "Milk and bread." : "Milk." })
  })
  onTestFinished(server.stop)
  const held = Promise.withResolvers<void>()
  server.trouble({ hold: held.promise })
  const at = await started({ OPENAI_BASE_URL: `${server.url}/v1`, VIGIL_MODEL: "some-model" })
  await text(at, "buy milk")
  await expect.poll(() => server.asked.length, WAIT).toBe(1)
  await text(at, "and some bread")
  held.resolve()
  expect(await reply(0)).toBe("Milk and bread.")
  await expect.poll(async () => (await runs(at)).map((run) => run.state), WAIT).toEqual(["done"])
  expect(bodies()).toEqual(["Milk and bread."])
  expect(asked.length).toBe(2)
})

test("an approval by text: asked with a code, done once from the stored arguments, and a second yes is told so", async () => {
  const at = await started()
  await text(at, "remember that my locker has number 12")
  await reply(0)
  await text(at, "remember that my locker opens with 4-8-2")
  await reply(1)
  await text(at, "forget about my locker")
  const question = await reply(2)
  const code = /^([A-Z]\d): Forget memories/.exec(question)?.[1]
  expect(question).toContain(`Reply ${code} OK or ${code} NO`)
  expect(question).toContain("my locker has number 12")
  const memories = async () => (await at.api<{ memories: unknown[] }>("/api/v1/memories")).memories.length
  expect(await memories()).toBe(2)

  await text(at, `${code} OK`)
  expect(await reply(3)).toMatch(/^Forgotten:/)
  expect(await memories()).toBe(0)
  const run = (await runs(at)).find((one) => one.trigger === "forget about my locker")
  const trace = await at.api<Trace>(`/api/v1/runs/${run?.id}`)
  expect(run?.state).toBe("done")
  expect(trace.questions).toMatchObject([{ code, state: "approved", answeredVia: "sms" }])
  const done = trace.steps.filter((step) => step.kind === "tool" && step.name === "forget")
  expect(done.map((step) => step.request?.args)).toEqual([JSON.parse(trace.questions[0]?.args ?? "")])

  await text(at, `${code} OK`)
  expect(await reply(4)).toMatch(new RegExp(`^${code} was already approved by you, \\d+:\\d\\d [AP]M\\.$`))
  expect(bodies().filter((body) => body.startsWith("Forgotten:")).length).toBe(1)
})

test("an approval that is denied by text leaves everything as it was", async () => {
  const at = await started()
  await text(at, "list automations")
  const digest = /#(\d+) .*digest/i.exec(await reply(0))?.[1]
  await text(at, `cancel automation ${digest}`)
  const code = /^([A-Z]\d): cancel automation/.exec(await reply(1))?.[1]
  await text(at, `${code} NO`)
  expect(await reply(2)).toMatch(/^Not done: the person said no/)
  const { automations } = await at.api<{ automations: { id: number; state: string }[] }>("/api/v1/automations")
  expect(automations.find((one) => String(one.id) === digest)?.state).toBe("active")
})

describe("without reports", () => {
  const untold = { PUBLIC_URL: "" }
  /** What a polled text is answered with, once it was sent. */
  async function answered(at: Product): Promise<StoredMessage> {
    await twilio.receive({ from: OWNER_PHONE, body: "ping" })
    await reply(0)
    const message = sent()[0]
    if (message === undefined) throw new Error("nothing was sent")
    expect(message.fields.StatusCallback).toBeUndefined()
    await expect.poll(async () => (await replies(at))[0]?.state, WAIT).toBe("sent")
    return message
  }
  const replies = async (at: Product) => {
    const run = (await runs(at)).find((one) => one.trigger === "ping")
    return (await at.api<Trace>(`/api/v1/runs/${run?.id}`)).replies
  }

  test("Twilio is asked what became of a text, and a delivered one is known as such", async () => {
    const clock = runningClock()
    const at = await started(untold, clock)
    const message = await answered(at)
    message.status = "delivered"
    clock.pass(61_000)
    await expect.poll(async () => (await replies(at))[0]?.state, WAIT).toBe("delivered")
    const prices = at.lines.filter(({ event }) => event === "message_price")
    expect(prices.map(({ fields }) => fields)).toMatchObject([{ channel: "sms", segments: 1, currency: "USD" }])
  })

  test("one that failed goes on to the web", async () => {
    const clock = runningClock()
    const at = await started(untold, clock)
    const message = await answered(at)
    Object.assign(message, { status: "undelivered", errorCode: "30034" })
    clock.pass(61_000)
    await expect
      .poll(async () => (await replies(at)).map(({ channel, state }) => [channel, state]), WAIT)
      .toEqual([
        ["sms", "failed"],
        ["web", "sent"],
      ])
  })
})

test("whom Twilio knows to have opted out is reached elsewhere from then on", async () => {
  const at = await started()
  twilio.optedOut.add(OWNER_PHONE)
  expect((await at.say("digest")).reply).toMatch(/Sent to SMS\.$/)
  await expect.poll(async () => (await at.say("digest")).reply, WAIT).not.toMatch(/Sent to SMS/)
  twilio.optedOut.clear()
  await text(at, "START")
  expect((await at.say("digest")).reply).toMatch(/Sent to SMS\.$/)
})

test("while the token is changed, texts signed with the old one still come in, and calls use the new one", async () => {
  const at = await started({ TWILIO_AUTH_TOKEN: twilio.authToken, TWILIO_AUTH_TOKEN_PREVIOUS: "the-old-token" })
  const form = {
    MessageSid: `SM${"e".repeat(32)}`,
    AccountSid: twilio.accountSid,
    From: OWNER_PHONE,
    To: twilio.number,
    Body: "ping",
  }
  const post = (token: string) =>
    at.ask("/webhooks/twilio", {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "x-twilio-signature": getExpectedTwilioSignature(token, WEBHOOK, form) },
    })
  expect((await post("a-third-token")).status).toBe(403)
  expect((await post("the-old-token")).status).toBe(200)
  expect(await reply(0)).toContain("I am here")
})

test("on WhatsApp: a question is asked and its button's payload answers it, in a conversation of its own", async () => {
  const me = `whatsapp:${OWNER_PHONE}`
  const at = await started({ OWNER_PHONE: me, TWILIO_WHATSAPP_NUMBER: "+14155238886" })
  const write = (body: string, more: Record<string, string> = {}) =>
    twilio.receive({ from: me, to: "whatsapp:+14155238886", body, webhookUrl: WEBHOOK, deliverTo: at.url, more })
  await write("remember that my locker has number 12")
  await reply(0)
  await write("remember that my locker opens with 4-8-2")
  await reply(1)
  await write("forget about my locker")
  const code = /^([A-Z]\d): Forget memories/.exec(await reply(2))?.[1]
  await write("Approve", { ButtonPayload: `${code} OK`, ButtonText: "Approve" })
  expect(await reply(3)).toMatch(/^Forgotten:/)
  expect(new Set(sent().map(({ from, to }) => `${from} ${to}`))).toEqual(new Set([`whatsapp:+14155238886 ${me}`]))
})
