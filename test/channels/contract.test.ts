/**
 * What every channel promises, asserted alike over each against its stand-in on loopback: who may post, what an event
 * becomes, what a person gets to read, and what each fault of the other side means. The web's mailbox is our own table and
 * GitHub talks to no person, so the web is not here and GitHub only where it applies.
 */
import fc from "fast-check"
import PostalMime from "postal-mime"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { Misconfigured, messageOf } from "../../src/base/errors.ts"
import type { Channel, Inbound, Outgoing } from "../../src/channels/channel.ts"
import { createEmail } from "../../src/channels/email/email.ts"
import { createGitHub } from "../../src/channels/github/client.ts"
import { createGitHubWebhook } from "../../src/channels/github/webhook.ts"
import { plainText, readMarkdown } from "../../src/channels/markdown.ts"
import { createSms } from "../../src/channels/sms/sms.ts"
import { createTelegram } from "../../src/channels/telegram/telegram.ts"
import { start as startGitHub } from "../support/github-stand-in.ts"
import { AUTHSERV, LOGIN, mime, signed, start as startMail } from "../support/mail-stand-in.ts"
import { startStandIn } from "../support/stand-in.ts"
import { start as startTelegram } from "../support/telegram-stand-in.ts"
import { start as startTwilio } from "../support/twilio-stand-in.ts"

type Fault = "busy" | "refused" | "lost"

interface Side {
  channel: Channel
  /** Where the owner is reached first. */
  target: string
  /** Must be in no error. */
  credential: string
  /** A delivery of the person's words; `proof` is whose signature it carries. */
  receive(said: { id: number; text: string }, proof: "right" | "wrong" | "none"): Promise<Inbound[]>
  /** For the next send; `lost` takes the message and breaks the answer. */
  fault(fault: Fault): void
  /** Keeps the answer to the next send back. */
  hold(until: Promise<void>): void
  /** Messages that came whole, those in trouble too. */
  came(): number
  /** What a person would read, message by message. */
  read(): Promise<string[]>
  /** The same channel over a provider that is not there. */
  lonely: Channel
  clear(): void
  stop(): Promise<void>
}

const NOW = new Date("2026-11-22T10:00:00Z")
/** An address where nobody listens any more. */
async function nowhere(): Promise<string> {
  const gone = await startStandIn(() => ({ status: 200 }))
  await gone.stop()
  return gone.url
}
const only = (one: Inbound | null | undefined) => (one ? [one] : [])
const asJson = (value: unknown) => JSON.stringify(value)

async function telegramSide(): Promise<Side> {
  const server = await startTelegram()
  const secret = "telegram-secret-0123456789"
  const make = (apiRoot: string) => createTelegram({ token: server.token, apiRoot, webhookSecret: secret })
  const channel = make(server.url)
  const isSend = (asked: { url: URL }) => asked.url.pathname.endsWith("/sendMessage")
  const refusal = (error_code: number, description: string) => ({
    status: error_code,
    body: { ok: false, error_code, description },
  })
  return {
    channel,
    target: "42",
    credential: server.token,
    async receive({ id, text }, proof) {
      const body = asJson({
        update_id: id,
        message: { message_id: id, date: 1, chat: { id: 42, type: "private" }, from: { id: 42 }, text },
      })
      const token = { right: secret, wrong: `${secret}x`, none: undefined }[proof]
      const headers = { "x-telegram-bot-api-secret-token": token }
      return channel.webhook?.({ url: "/webhooks/telegram", headers, body }) ?? []
    },
    fault: (fault) =>
      server.trouble(
        {
          busy: refusal(429, "Too Many Requests"),
          refused: refusal(403, "Forbidden: bot was blocked"),
          lost: { lose: true } as const,
        }[fault],
        isSend,
      ),
    hold: (until) => server.trouble({ hold: until }, isSend),
    came: () => server.asked.filter(isSend).length,
    read: async () => server.sent.map((sent) => sent.text),
    lonely: make(await nowhere()),
    clear: () => void server.sent.splice(0),
    stop: () => server.stop(),
  }
}

async function smsSide(): Promise<Side> {
  const server = await startTwilio()
  const { accountSid, authToken, number } = server
  const publicUrl = "https://vigil.example.com"
  const make = (apiBase: string) => createSms({ accountSid, authToken, number, apiBase, publicUrl })
  const channel = make(server.url)
  const isSend = (asked: { method: string }) => asked.method === "POST"
  const refusal = (status: number, code: number) => ({ status, body: { code, message: "no", status } })
  return {
    channel,
    target: "+15557654321",
    credential: authToken,
    async receive({ id, text }, proof) {
      const form = {
        MessageSid: `SM${id}`,
        AccountSid: accountSid,
        From: "+15557654321",
        To: number,
        Body: text,
        NumMedia: "0",
      }
      const url = "/webhooks/twilio"
      const sign = (token: string) => ({
        "x-twilio-signature": getExpectedTwilioSignature(token, `${publicUrl}${url}`, form),
      })
      const headers = proof === "none" ? {} : sign(proof === "right" ? authToken : "another")
      return only(channel.webhook?.incoming({ url, headers, body: new URLSearchParams(form).toString() }).inbound)
    },
    fault: (fault) =>
      server.trouble(
        { busy: refusal(429, 20429), refused: refusal(400, 21211), lost: { lose: true } as const }[fault],
        isSend,
      ),
    hold: (until) => server.trouble({ hold: until }, isSend),
    came: () => server.asked.filter(isSend).length,
    read: async () => server.messages.map((sent) => sent.body),
    lonely: make(await nowhere()),
    clear: () => void server.messages.splice(0),
    stop: () => server.stop(),
  }
}

async function emailSide(): Promise<Side> {
  const server = await startMail()
  const secret = "email-secret-0123456789"
  const make = (smtpUrl: string) =>
    createEmail({ smtpUrl, from: "vigil@example.com", webhookSecret: secret, authservId: AUTHSERV }, { now: () => NOW })
  const channel = make(server.url)
  return {
    channel,
    target: "ana@example.com",
    credential: LOGIN.pass,
    async receive({ id, text }, proof) {
      const raw = mime({ "Message-ID": `<${id}@x>` }, text)
      const headers = proof === "none" ? {} : signed(proof === "right" ? secret : "another", raw, NOW)
      const received = await channel.webhook?.({ url: "/webhooks/email", headers, body: raw, bytes: Buffer.from(raw) })
      return received && "inbound" in received ? [received.inbound] : []
    },
    fault: (fault) =>
      server.trouble(
        { busy: { at: "BODY", reply: 451 }, refused: { at: "BODY", reply: 554 }, lost: { at: "BODY", drop: true } }[
          fault
        ] as Parameters<typeof server.trouble>[0],
      ),
    hold: (until) => server.hold(until),
    came: () => server.bodies(),
    read: async () =>
      await Promise.all(server.mails.map(async ({ raw }) => (await PostalMime.parse(raw)).text?.trim() ?? "")),
    lonely: make((await nowhere()).replace("http", "smtp")),
    clear: () => void server.mails.splice(0),
    stop: () => server.stop(),
  }
}

describe.each([
  ["telegram", telegramSide],
  ["sms", smsSide],
  ["email", emailSide],
] as const)("%s", (id, open) => {
  let side: Side
  let sends = 0
  const signal = new AbortController().signal
  const message = (more: Partial<Outgoing> = {}): Outgoing => ({
    id: `018f0000-0000-7000-8000-${String(++sends).padStart(12, "0")}`,
    target: side.target,
    text: "hello",
    signal,
    ...more,
  })
  const failureOf = async (channel: Channel, more: Partial<Outgoing> = {}) =>
    await channel.send(message(more)).then(
      () => null,
      (error: unknown) => error,
    )

  beforeAll(async () => {
    side = await open()
  })
  afterAll(async () => await side.stop())
  beforeEach(() => side.clear())

  test("its name and limits are its own", () => {
    expect(side.channel.id).toBe(id)
    expect(side.channel.capabilities.maxText).toBeGreaterThan(100)
  })

  test.each(["none", "wrong"] as const)("a delivery with a proof that is %s is refused", async (proof) => {
    await expect(side.receive({ id: 1, text: "let me in" }, proof)).rejects.toMatchObject({
      name: "Deny",
      code: "bad_signature",
    })
  })

  test("a person's words become a message that can be answered", async () => {
    const [inbound] = await side.receive({ id: 2, text: "where is the key?" }, "right")
    expect(inbound).toMatchObject({ channel: id, text: "where is the key?", address: side.target })
    expect(inbound?.source).toMatch(new RegExp(`^${id}:`))
    expect(inbound?.threadKey).toMatch(new RegExp(`^${id}:.*${side.target.replaceAll(/\W/g, "\\$&")}`))
    await side.channel.send(message({ target: inbound?.target ?? "", text: "under the pot" }))
    expect(await side.read()).toEqual(["under the pot"])
  })

  test("the same delivery has the same key, and another one has another", async () => {
    const keys = await Promise.all(
      [3, 3, 4].map(async (n) => {
        const [inbound] = await side.receive({ id: n, text: "hello" }, "right")
        return `${inbound?.source} ${inbound?.externalId}`
      }),
    )
    expect(keys[0]).toBe(keys[1])
    expect(keys[0]).not.toBe(keys[2])
  })

  test("any text arrives within the limits, in order, and nothing of it is dropped", async () => {
    const word = fc.stringMatching(/^[a-z]{1,10}[0-9]{1,3}$/)
    const line = fc.array(
      fc.oneof(
        word,
        word.map((one) => `**${one}**`),
        word.map((one) => `\`${one}\``),
      ),
      { minLength: 1, maxLength: 30 },
    )
    const texts = fc.array(fc.tuple(fc.constantFrom("", "- ", "> ", "# "), line), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(texts, async (lines) => {
        side.clear()
        const text = lines.map(([mark, words]) => mark + words.join(" ")).join("\n\n")
        await side.channel.send(message({ text }))
        const read = await side.read()
        for (const one of read) expect(one.length).toBeLessThanOrEqual(side.channel.capabilities.maxText)
        const wordsOf = (said: string) => said.match(/[a-z]+[0-9]+/g)
        expect(wordsOf(read.join(" "))).toEqual(wordsOf(plainText(readMarkdown(text))))
      }),
      { numRuns: 25 },
    )
  })

  test.each([
    ["one paragraph", " "],
    ["many lines", "\n\n"],
    ["one endless word", ""],
  ])("a text far beyond the limit arrives whole and within it: %s", async (_form, gap) => {
    const words = Array.from({ length: 4000 }, (_, n) => `w${n}`)
    await side.channel.send(message({ text: words.join(gap) }))
    const read = await side.read()
    for (const one of read) expect(one.length).toBeLessThanOrEqual(side.channel.capabilities.maxText)
    expect(read.join("").replace(/\s/g, "")).toBe(words.join(""))
  })

  test("a message that was taken has a receipt, each its own", async () => {
    const one = await side.channel.send(message())
    const two = await side.channel.send(message())
    expect(one.providerId).not.toBe("")
    expect(one.providerId).not.toBe(two.providerId)
    expect(await side.read()).toEqual(["hello", "hello"])
  })

  test("nothing to see, and an address that is none, are refused without asking", async () => {
    const before = side.came()
    expect(await failureOf(side.channel, { text: " \n " })).toMatchObject({ name: "Reject", code: "empty_message" })
    expect(await failureOf(side.channel, { target: "no body" })).toMatchObject({ name: "Reject" })
    expect(side.came()).toBe(before)
  })

  test.each([
    ["busy", "Retry"],
    ["refused", "Reject"],
    ["lost", "Uncertain"],
  ] as const)("a provider that is %s means %s, after one try and without a credential", async (fault, name) => {
    const before = side.came()
    side.fault(fault)
    const error = await failureOf(side.channel)
    expect(error).toMatchObject({ name })
    expect(side.came()).toBe(before + 1)
    expect(`${messageOf(error)} ${(error as Error).stack}`).not.toContain(side.credential)
    await side.channel.send(message({ text: "the next one" }))
    expect((await side.read()).at(-1)).toBe("the next one")
  })

  test("a provider that is not there means Retry, for messages and for the probe", async () => {
    expect(await failureOf(side.lonely)).toMatchObject({ name: "Retry", code: "unreachable" })
    await expect(side.lonely.probe(signal)).rejects.toMatchObject({ name: "Retry" })
  })

  test("given up while the provider has the message means Uncertain; given up before, nothing was sent", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = new AbortController()
    side.hold(promise)
    const before = side.came()
    const sending = failureOf(side.channel, { signal: stop.signal })
    await expect.poll(() => side.came()).toBe(before + 1)
    stop.abort()
    expect(await sending).toMatchObject({ name: "Uncertain" })
    resolve()
    expect(await failureOf(side.channel, { signal: AbortSignal.abort() })).toMatchObject({ name: "Retry" })
    expect(side.came()).toBe(before + 1)
  })

  test("the probe says who we are", async () => {
    expect(await side.channel.probe(signal)).toMatch(/vigil@example\.com|\+15550001111|@\w+/)
  })
})

describe("github", () => {
  const secret = "github-secret-0123456789"
  const webhook = createGitHubWebhook({ webhookSecret: secret, repos: ["octo/demo"] })

  test("an unsigned delivery is refused, and a signed one has its delivery's id", async () => {
    const { sign } = await import("@octokit/webhooks-methods")
    const server = await startGitHub({ repos: { "octo/demo": {} } })
    const issue = server.put("octo/demo", { title: "It crashes" })
    const body = asJson(server.payload("octo/demo", issue.number, "opened"))
    await server.stop()
    const deliver = (signature: string | undefined) =>
      webhook?.({
        url: "/",
        body,
        headers: { "x-github-event": "issues", "x-github-delivery": "d1", "x-hub-signature-256": signature },
      })
    await expect(deliver(undefined)).rejects.toMatchObject({ name: "Deny", code: "bad_signature" })
    await expect(deliver(await sign("another", body))).rejects.toMatchObject({ name: "Deny", code: "bad_signature" })
    expect(await deliver(await sign(secret, body))).toMatchObject({ deliveryId: "d1", title: "It crashes" })
  })

  test("the probe says who we are; a GitHub that is not there means Retry, a wrong token setup", async () => {
    const server = await startGitHub({ repos: { "octo/demo": {} } })
    const make = (apiUrl: string, token = server.token) => createGitHub({ token, apiUrl, repos: ["octo/demo"] })
    const signal = new AbortController().signal
    expect(await make(server.url).probe(signal)).toBe("@vigil-user")
    await expect(make(await nowhere()).probe(signal)).rejects.toMatchObject({ name: "Retry" })
    await expect(make(server.url, "wrong").probe(signal)).rejects.toBeInstanceOf(Misconfigured)
    await server.stop()
  })
})
