import fc from "fast-check"
import PostalMime from "postal-mime"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { Outgoing } from "../../../src/channels/channel.ts"
import { createEmail, type EmailSettings } from "../../../src/channels/email/email.ts"
import { AUTHSERV, LOGIN, type MailStandIn, mime, signed, start } from "../../support/mail-stand-in.ts"

const SECRET = "email-secret-0123456789"
const NOW = new Date("2026-11-22T10:00:00Z")
const signal = new AbortController().signal
let server: MailStandIn
const settings = (more: Partial<EmailSettings> = {}): EmailSettings => ({
  smtpUrl: server.url,
  from: "Vigil <Vigil@example.com>",
  webhookSecret: SECRET,
  authservId: AUTHSERV,
  ...more,
})
const create = (more: Partial<EmailSettings> = {}) => createEmail(settings(more), { now: () => NOW })
const message = (more: Partial<Outgoing> = {}): Outgoing => ({
  id: "018f0000-0000-7000-8000-000000000001",
  target: "ana@example.com",
  text: "hello",
  signal,
  ...more,
})
const ID = "<018f0000-0000-7000-8000-000000000001@example.com>"

beforeAll(async () => {
  server = await start()
})
afterAll(async () => await server.stop())
beforeEach(() => {
  server.mails.length = 0
})

const lastMail = async () => await PostalMime.parse(server.mails.at(-1)?.raw ?? "")

describe("sending", () => {
  test("a mail names its sender, says that a program wrote it, and has its id from the outbox row", async () => {
    const receipt = await create().send(message({ text: "**Reminder**: call mum\n\nshe asked <twice>" }))
    expect(receipt).toEqual({ providerId: ID })
    expect(server.mails).toMatchObject([{ from: "vigil@example.com", to: ["ana@example.com"] }])
    const mail = await lastMail()
    expect(mail).toMatchObject({ messageId: ID, subject: "Reminder: call mum", from: { name: "Vigil" } })
    expect(mail.text?.trim()).toBe("Reminder: call mum\n\nshe asked <twice>")
    expect(mail.html).toContain("<b>Reminder</b>: call mum<br>\n<br>\nshe asked &lt;twice&gt;")
    expect(mail.headers).toContainEqual(expect.objectContaining({ key: "auto-submitted", value: "auto-generated" }))
    expect(mail.inReplyTo).toBeUndefined()
  })

  test("an answer belongs to its conversation and keeps its subject", async () => {
    const webhook = create().webhook
    const raw = Buffer.from(mime({ Subject: "Lunch", References: "<a@x> <b@x>" }, "where?"))
    const received = await webhook?.({ url: "/", body: "", bytes: raw, headers: signed(SECRET, raw, NOW) })
    if (!received || "ignored" in received) throw new Error("the mail was not taken")
    await create().send(message({ target: received.inbound.target }))
    const mail = await lastMail()
    expect(mail).toMatchObject({
      subject: "Re: Lunch",
      inReplyTo: "<first@mail.example.com>",
      references: "<a@x> <b@x> <first@mail.example.com>",
    })
    expect(mail.headers).toContainEqual(expect.objectContaining({ key: "auto-submitted", value: "auto-replied" }))
  })

  test("nothing in a target or a text becomes a header or a second recipient", async () => {
    const target = `mailto:ana@example.com?subject=${encodeURIComponent("x\r\nBcc: eve@evil.example")}&references=${encodeURIComponent("<a@x>\r\nX-Evil: 1")}`
    await create().send(message({ target, text: "a\r\nBcc: eve@evil.example" }))
    expect(server.mails.at(-1)?.to).toEqual(["ana@example.com"])
    const keys = (await lastMail()).headers.map(({ key }) => key)
    expect(keys).not.toContain("bcc")
    expect(keys).not.toContain("x-evil")
    for (const bad of [
      "ana@example.com,eve@evil.example",
      "ana@example.com\r\nRCPT TO:<eve@evil.example>",
      "Ana <ana@example.com>",
      "ana",
      "",
    ])
      await expect(create().send(message({ target: bad }))).rejects.toMatchObject({
        name: "Reject",
        code: "bad_address",
      })
    expect(server.mails).toHaveLength(1)
  })

  test.each([
    ["a busy server", { at: "MAIL", reply: 421 }, { name: "Retry" }],
    ["a greylisted sender", { at: "RCPT", reply: 451 }, { name: "Retry" }],
    ["a full mailbox", { at: "BODY", reply: 452 }, { name: "Retry" }],
    ["an unknown address", { at: "RCPT", reply: 550 }, { name: "Reject", code: "bad_address" }],
    ["a sender that is not allowed", { at: "MAIL", reply: 553 }, { name: "Reject", code: "bad_sender" }],
    ["a refused mail", { at: "BODY", reply: 554 }, { name: "Reject", code: "mail_refused" }],
    ["a connection lost before the body", { at: "MAIL", drop: true }, { name: "Retry", code: "unreachable" }],
    ["a connection lost after the body", { at: "BODY", drop: true }, { name: "Uncertain", code: "answer_lost" }],
  ] as const)("%s has its error, after one try", async (_what, trouble, expected) => {
    const before = server.bodies()
    server.trouble(trouble)
    await expect(create().send(message())).rejects.toMatchObject(expected)
    expect(server.mails).toHaveLength(0)
    expect(server.bodies() - before).toBe(trouble.at === "BODY" ? 1 : 0)
  })

  test("a send that is cancelled while the server works is uncertain; cancelled before it is not", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    server.hold(promise)
    const stop = new AbortController()
    const before = server.bodies()
    const sending = create().send(message({ signal: stop.signal }))
    sending.catch(() => {})
    await expect.poll(() => server.bodies()).toBe(before + 1)
    stop.abort()
    await expect(sending).rejects.toMatchObject({ name: "Uncertain" })
    resolve()
    await expect(create().send(message({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ name: "Retry" })
  })

  test("an unreachable server is Retry, a wrong login is Misconfigured, and neither error holds the password", async () => {
    const gone = await start()
    await gone.stop()
    const lost = await create({ smtpUrl: gone.url })
      .send(message())
      .catch((error: unknown) => error)
    expect(lost).toMatchObject({ name: "Retry", code: "unreachable" })
    const smtpUrl = server.url.replace(/:[^:@]+@/, ":wrong-pass-4711@")
    const refused = await create({ smtpUrl })
      .send(message())
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: "Misconfigured", fix: expect.stringContaining("SMTP_URL") })
    for (const error of [lost, refused] as Error[])
      expect(`${error.stack}${String(error.cause)}`).not.toMatch(new RegExp(`${LOGIN.pass}|wrong-pass`))
  })

  test("a message with nothing to see is refused before the server is called", async () => {
    await expect(create().send(message({ text: " \n" }))).rejects.toMatchObject({ code: "empty_message" })
  })
})

describe("the signature of a posted mail", () => {
  const raw = Buffer.from(mime({}, "hello"))
  const ask = (headers: Record<string, string>, bytes: Uint8Array = raw) =>
    Promise.resolve(create().webhook?.({ url: "/", body: "", headers, bytes }))

  test("a signed mail is read when its time is at most five minutes off", async () => {
    const near = (seconds: number) => ask(signed(SECRET, raw, new Date(NOW.getTime() + seconds * 1000)))
    for (const seconds of [0, -299, 299]) expect(await near(seconds)).toMatchObject({ inbound: { text: "hello" } })
    for (const seconds of [-302, 302]) await expect(near(seconds)).rejects.toMatchObject({ code: "bad_signature" })
  })

  test.each([
    ["none", {}],
    ["empty", { "x-vigil-signature": "" }],
    ["of another secret", signed("another-secret", raw, NOW)],
    ["of another body", signed(SECRET, "x", NOW)],
    ["without its time", { "x-vigil-signature": `v1=${"0".repeat(64)}` }],
  ])("a signature that is %s is refused", async (_what, headers) => {
    await expect(ask(headers)).rejects.toMatchObject({ name: "Deny", code: "bad_signature" })
  })

  test("one flipped bit, in the body or in the signature, is refused", async () => {
    const header = signed(SECRET, raw, NOW)["x-vigil-signature"] ?? ""
    await fc.assert(
      fc.asyncProperty(fc.nat(raw.length * 8 - 1), fc.nat(header.length * 7 - 1), async (bit, sign) => {
        const bytes = Buffer.from(raw)
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        await expect(ask({ "x-vigil-signature": header }, bytes)).rejects.toMatchObject({ code: "bad_signature" })
        const at = Math.floor(sign / 7)
        const flipped = String.fromCharCode(header.charCodeAt(at) ^ (1 << (sign % 7)))
        const other = header.slice(0, at) + flipped + header.slice(at + 1)
        await expect(ask({ "x-vigil-signature": other })).rejects.toMatchObject({ code: "bad_signature" })
      }),
    )
  })

  test("without a secret there is no webhook, and the probe says what is missing to receive mail", async () => {
    const { webhookSecret: _, ...rest } = settings()
    const deaf = createEmail(rest)
    expect(deaf.webhook).toBeNull()
    expect(await deaf.probe(signal)).toBe("vigil@example.com; receives nothing: set EMAIL_WEBHOOK_SECRET")
    const { authservId: __, ...unnamed } = settings()
    expect(await createEmail(unnamed).probe(signal)).toBe(
      "vigil@example.com; believes no sender: set EMAIL_AUTHSERV_ID",
    )
    expect(await create().probe(signal)).toBe("vigil@example.com")
  })

  test("a malformed sender address is Misconfigured", () => {
    expect(() => create({ from: "vigil" })).toThrow(expect.objectContaining({ name: "Misconfigured" }))
  })
})
