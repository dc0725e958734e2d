import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { Outgoing } from "../../../src/channels/channel.ts"
import { createSms, type Sms } from "../../../src/channels/sms/sms.ts"
import { openTwilioOracle } from "../../support/twilio-oracle.ts"
import { start, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

let twilio: TwilioStandIn
let sms: Sms
const signal = new AbortController().signal
const PERSON = "+15557654321"
const SERVICE = `MG${"0".repeat(32)}`
const sidOf = (digit: string) => `SM${digit.repeat(32)}`
const message = (more: Partial<Outgoing> = {}): Outgoing => ({
  id: "018f0000-0000-7000-8000-000000000001",
  target: PERSON,
  text: "hello",
  signal,
  ...more,
})
const settings = () => ({
  accountSid: twilio.accountSid,
  authToken: twilio.authToken,
  number: twilio.number,
  apiBase: twilio.url,
  publicUrl: "https://vigil.example/",
})

beforeAll(async () => {
  twilio = await start({ oracle: await openTwilioOracle() })
  sms = createSms(settings())
})
afterAll(async () => await twilio.stop())
afterEach(() => expect(twilio.faults.splice(0)).toEqual([]))
beforeEach(() => {
  twilio.messages.length = 0
  twilio.optedOut.clear()
})

describe("sending", () => {
  test("a message is created once, with its callback address and its validity", async () => {
    const receipt = await sms.send(message({ text: "**Hi** \u2014 it\u2019s done" }))
    expect(twilio.messages.map((sent) => sent.fields)).toEqual([
      {
        To: PERSON,
        From: twilio.number,
        Body: "Hi - it's done",
        ValidityPeriod: "3600",
        StatusCallback: "https://vigil.example/webhooks/twilio/status?o=018f0000-0000-7000-8000-000000000001",
      },
    ])
    expect(receipt).toEqual({ providerId: twilio.messages[0]?.sid, segments: 1 })
  })

  test("a Messaging Service replaces the number, and without a public address there is no callback", async () => {
    const { publicUrl: _, number: __, ...rest } = settings()
    await createSms({ ...rest, messagingServiceSid: SERVICE }).send(message())
    expect(twilio.messages[0]?.fields).toEqual({
      To: PERSON,
      MessagingServiceSid: SERVICE,
      Body: "hello",
      ValidityPeriod: "3600",
    })
  })

  test("a long message goes in parts that Twilio accepts, in order, and all segments are counted", async () => {
    const text = Array.from({ length: 60 }, (_, n) => `line ${n} ${"word ".repeat(10)}`).join("\n")
    const receipt = await sms.send(message({ text }))
    expect(twilio.messages.length).toBe(3)
    expect(receipt.providerId.split(",")).toEqual(twilio.messages.map((sent) => sent.sid))
    expect(receipt.segments).toBe(twilio.messages.reduce((sum, sent) => sum + Math.ceil(sent.body.length / 153), 0))
    expect(twilio.messages.flatMap((sent) => sent.body.match(/line \d+/g) ?? []).length).toBe(60)
  })

  test("an answer in a conversation is sent as one page, and a plain text with every character", async () => {
    const text = Array.from({ length: 60 }, (_, n) => `*${n}* word_${n}_`).join("\n")
    const receipt = await sms.send(message({ text, brief: true, plain: true }))
    expect(twilio.messages.length).toBe(1)
    expect(twilio.messages[0]?.body).toMatch(/^\*0\* word_0_\n\*1\* word_1_\n[\s\S]*\nReply MORE for the rest$/)
    expect(receipt.segments).toBe(4)
    expect(sms.rateLimits?.(message({ text, brief: true }))).toMatchObject([{ units: 4 }])
    expect(sms.rateLimits?.(message({ text }))?.[0]?.units).toBeGreaterThan(4)
    const since = new Date(Date.now() - 1000)
    expect(await sms.lookup({ ...message({ text, brief: true, plain: true }), since })).toEqual(receipt)
  })

  test.each([
    [
      { status: 400, body: { code: 21610, message: "unsubscribed" } },
      { name: "Reject", code: "opted_out" },
    ],
    [
      { status: 400, body: { code: 21211, message: "invalid" } },
      { name: "Reject", code: "bad_number" },
    ],
    [
      { status: 400, body: { code: 21614, message: "not mobile" } },
      { name: "Reject", code: "bad_number" },
    ],
    [
      { status: 400, body: { code: 30034, message: "unregistered" } },
      { name: "Reject", code: "unregistered_sender", fix: expect.stringContaining("10DLC") },
    ],
    [
      { status: 400, body: { code: 30032, message: "toll-free" } },
      { name: "Reject", code: "unverified_sender", fix: expect.stringContaining("toll-free") },
    ],
    [
      { status: 400, body: { code: 30007, message: "filtered" } },
      { name: "Reject", code: "carrier_filtered", fix: expect.any(String) },
    ],
    [
      { status: 400, body: { code: 99999, message: "new" } },
      { name: "Reject", code: "twilio_99999" },
    ],
    [
      { status: 429, body: { code: 20429, message: "busy" }, headers: { "retry-after": "3" } },
      { name: "Retry", afterMs: 3000 },
    ],
    [{ status: 503, body: { code: 20503, message: "away" } }, { name: "Retry" }],
    [{ status: 502, body: "<html>Bad Gateway</html>" }, { name: "Uncertain" }],
    [{ status: 201, body: "<html>who knows</html>" }, { name: "Uncertain" }],
    [{ lose: true } as const, { name: "Uncertain" }],
    [{ status: 401, body: { code: 20003, message: "Authenticate" } }, { name: "Misconfigured" }],
  ])("%j is thrown as %j, after one try", async (trouble, expected) => {
    const before = twilio.asked.length
    twilio.trouble(trouble)
    await expect(sms.send(message())).rejects.toMatchObject(expected)
    expect(twilio.asked.length).toBe(before + 1)
  })

  test("a wrong token, a person who opted out and a malformed number each have their error", async () => {
    twilio.optedOut.add(PERSON)
    await expect(sms.send(message())).rejects.toMatchObject({ code: "opted_out" })
    await expect(createSms({ ...settings(), authToken: "wrong" }).send(message())).rejects.toMatchObject({
      name: "Misconfigured",
    })
    const before = twilio.asked.length
    await expect(sms.send(message({ target: "bob" }))).rejects.toMatchObject({ code: "bad_number" })
    expect(twilio.asked.length).toBe(before)
  })

  test("an unreachable Twilio is a retry, and the error holds no token", async () => {
    const gone = await start()
    await gone.stop()
    const error = await createSms({ ...settings(), apiBase: gone.url })
      .send(message())
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: "Retry", code: "unreachable" })
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain(twilio.authToken)
  })

  test("a send cancelled in flight is uncertain", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = new AbortController()
    twilio.trouble({ hold: promise })
    const before = twilio.asked.length
    const sending = sms.send(message({ signal: stop.signal }))
    while (twilio.asked.length === before) await new Promise((next) => setImmediate(next))
    stop.abort()
    await expect(sending).rejects.toMatchObject({ name: "Uncertain" })
    resolve()
  })

  test("a channel without a sender is Misconfigured", () => {
    expect(() => createSms({ accountSid: "AC1", authToken: "t" })).toThrow("SMS has no sender")
  })
})

describe("a message that expires", () => {
  const at = (now: string) => createSms(settings(), { now: () => new Date(now) })
  const expiresAt = new Date("2026-11-22T12:00:00Z")

  test("is held by Twilio until then, and at most for an hour", async () => {
    await at("2026-11-22T11:59:30Z").send(message({ expiresAt }))
    await at("2026-11-21T12:00:00Z").send(message({ expiresAt }))
    expect(twilio.messages.map((sent) => sent.fields.ValidityPeriod)).toEqual(["30", "3600"])
  })

  test("is not sent after that", async () => {
    await expect(at("2026-11-22T12:00:00Z").send(message({ expiresAt }))).rejects.toMatchObject({ code: "stale" })
    expect(twilio.messages).toEqual([])
  })
})

describe("the delivery outcome of a message", () => {
  const fateAs = async (status: string, errorCode?: string) => {
    await sms.send(message())
    const sent = twilio.messages.at(-1)
    if (sent) Object.assign(sent, { status, errorCode })
    return await sms.deliveryOutcome(sent?.sid ?? "", signal)
  }

  test("is its state, with the price where Twilio knows it, or with the reason of a failure", async () => {
    expect(await fateAs("queued")).toEqual({ state: null })
    expect(await fateAs("sent")).toEqual({ state: "sent" })
    expect(await fateAs("delivered")).toEqual({
      state: "delivered",
      price: { amount: 0.0079, currency: "USD", segments: 1 },
    })
    expect(await fateAs("undelivered", "30005")).toMatchObject({ state: "failed", failure: { code: "bad_number" } })
  })

  test("is unknown for a message that Twilio does not have", async () => {
    await expect(sms.deliveryOutcome(sidOf("9"), signal)).rejects.toMatchObject({ name: "Reject", status: 404 })
  })
})

describe("after a lost answer", () => {
  const lookup = (more: object = {}) =>
    sms.lookup({
      id: "018f0000-0000-7000-8000-000000000001",
      target: PERSON,
      text: "hello",
      since: new Date(Date.now() - 1000),
      signal,
      ...more,
    })

  test("a message that was created is found, queued or not", async () => {
    twilio.trouble({ lose: true })
    await expect(sms.send(message())).rejects.toMatchObject({ name: "Uncertain" })
    expect(await lookup()).toEqual({ providerId: twilio.messages[0]?.sid, segments: 1 })
  })

  test("a message that was not created is absent", async () => {
    twilio.trouble({ drop: true })
    await expect(sms.send(message())).rejects.toMatchObject({ name: "Uncertain" })
    expect(await lookup()).toBe("absent")
  })

  test("a message with the same words that was sent before, or received, is not taken for it", async () => {
    await sms.send(message())
    await twilio.receive({ from: PERSON, body: "hello" })
    expect(await lookup({ since: new Date(Date.now() + 60_000) })).toBe("absent")
  })

  test("of a message that was sent in part, the first parts that arrived are named", async () => {
    const text = `${"a ".repeat(799)}\n${"b ".repeat(799)}`
    twilio.trouble({ drop: true }, (asked) => asked.method === "POST" && asked.body.includes("b+b"))
    const done: string[] = []
    const send = sms.send(message({ text, onPart: async (id) => void done.push(id) }))
    await expect(send).rejects.toMatchObject({ name: "Uncertain" })
    expect(await lookup({ text })).toEqual({ arrived: [twilio.messages[0]?.sid] })
    expect(await lookup({ text: `${"b ".repeat(799)}\n${"a ".repeat(799)}` })).toBeNull()
    expect(await lookup({ text, done })).toBe("absent")
    await sms.send(message({ text, done }))
    expect(await lookup({ text, done })).toMatchObject({
      providerId: twilio.messages.map((sent) => sent.sid).join(","),
    })
  })

  test("a message counts for one part only, although two parts have the same words", async () => {
    const text = `${"a ".repeat(799)}\n${"a ".repeat(799)}`
    const stop = new Error("died")
    await expect(sms.send(message({ text, onPart: () => Promise.reject(stop) }))).rejects.toBe(stop)
    expect(await lookup({ text })).toEqual({ arrived: [twilio.messages[0]?.sid] })
  })
})

describe("receiving", () => {
  const form = (more: Record<string, string> = {}) => ({
    MessageSid: "SM1",
    AccountSid: twilio.accountSid,
    From: PERSON,
    To: twilio.number,
    Body: "hi there ",
    ...more,
  })
  const request = (path: string, fields: Record<string, string>, token = twilio.authToken) => ({
    url: path,
    headers: { "x-twilio-signature": getExpectedTwilioSignature(token, `https://vigil.example${path}`, fields) },
    body: new URLSearchParams(fields).toString(),
  })
  const incoming = (fields: Record<string, string>, token?: string) =>
    sms.webhook?.incoming(request("/webhooks/twilio", fields, token))

  test("a message names its sender and its conversation, and its text is unchanged", () => {
    expect(incoming(form())).toEqual({
      channel: "sms",
      source: `sms:${twilio.accountSid}`,
      externalId: "SM1",
      address: PERSON,
      threadKey: `sms:${twilio.number}:${PERSON}`,
      text: "hi there ",
      carrier: { by: "phone" },
      target: PERSON,
    })
  })

  test("an attachment is named by its path at Twilio, without the host", () => {
    const sid = `MM${"a".repeat(32)}`
    const media = twilio.attach(sid, [
      { type: "image/png; x=1", bytes: new Uint8Array() },
      { type: "audio/amr", bytes: new Uint8Array() },
    ])
    const path = `/2010-04-01/Accounts/${twilio.accountSid}/Messages/${sid}/Media/ME`
    expect(incoming(form({ Body: "", ...media }))).toMatchObject({
      text: "",
      attachments: [
        { kind: "image", type: "image/png", ref: `${path}${"1".padStart(32, "0")}` },
        { kind: "audio", type: "audio/amr", ref: `${path}${"2".padStart(32, "0")}` },
      ],
    })
    expect(incoming(form({ Body: "hi" }))).not.toHaveProperty("attachments")
  })

  test.each([
    ["another host", (url: string) => url.replace("api.twilio.com", "api.twilio.com.evil.example")],
    ["credentials in it", (url: string) => url.replace("https://", "https://user@")],
    ["another account", (url: string) => url.replace("/Accounts/AC0", "/Accounts/AC1")],
    ["plain HTTP", (url: string) => url.replace("https:", "http:")],
    ["a longer path", (url: string) => `${url}/../../../Keys`],
  ])("an attachment whose address has %s is mentioned and never fetched", (_, change) => {
    const media = twilio.attach(`MM${"b".repeat(32)}`, [{ type: "image/png", bytes: new Uint8Array() }])
    const found = incoming(form({ Body: "look", ...media, MediaUrl0: change(media.MediaUrl0 ?? "") }))
    expect(found?.attachments).toEqual([{ kind: "image", type: "image/png" }])
  })

  test("a message names ten things at most, whatever it claims", () => {
    expect(incoming(form({ NumMedia: "4000" }))?.attachments?.length).toBe(10)
    expect(incoming(form({ NumMedia: "-1" }))?.attachments).toBeUndefined()
  })

  test("what Twilio says that the carrier took a message for is told, whatever the words are", () => {
    expect(incoming(form({ Body: "baja", OptOutType: "STOP" }))?.carrier).toEqual({ by: "phone", took: "stop" })
    expect(incoming(form({ Body: " stop " }))?.carrier).toEqual({ by: "phone" })
  })

  test("words are left as they are: what they mean is not read here", () => {
    expect(["MORE", "?", "STOP", "K7 OK"].map((Body) => incoming(form({ Body }))?.text)).toEqual([
      "MORE",
      "?",
      "STOP",
      "K7 OK",
    ])
  })

  test("a wrong signature is denied and says what to check", () => {
    expect(() => incoming(form(), "wrong")).toThrow(
      expect.objectContaining({ name: "Deny", fix: expect.stringContaining("PUBLIC_URL") }),
    )
    const unsigned = { url: "/webhooks/twilio", headers: {}, body: new URLSearchParams(form()).toString() }
    expect(() => sms.webhook?.incoming(unsigned)).toThrow(expect.objectContaining({ name: "Deny" }))
  })

  test("a signature for one address does not pass for another", () => {
    const status = request("/webhooks/twilio/status", form())
    expect(() => sms.webhook?.incoming({ ...status, url: "/webhooks/twilio" })).toThrow(
      expect.objectContaining({ name: "Deny" }),
    )
  })

  test("the token before a rotation still counts", () => {
    const rotated = createSms({ ...settings(), authToken: "new", previousAuthToken: twilio.authToken })
    expect(rotated.webhook?.incoming(request("/webhooks/twilio", form())).externalId).toBe("SM1")
  })

  test("a message for another account or number is refused although it is signed", () => {
    expect(() => incoming(form({ AccountSid: "AC2" }))).toThrow(
      expect.objectContaining({ code: "wrong_account", status: 403 }),
    )
    expect(() => incoming(form({ To: "+15550009999" }))).toThrow(expect.objectContaining({ code: "wrong_number" }))
    expect(() => incoming({ Body: "x" })).toThrow(expect.objectContaining({ status: 400 }))
  })

  test("without a public address there is no webhook", () => {
    const { publicUrl: _, ...rest } = settings()
    expect(createSms(rest).webhook).toBeNull()
  })

  test.each([
    ["sent", "sent"],
    ["delivered", "delivered"],
    ["read", "delivered"],
    ["undelivered", "failed"],
    ["failed", "failed"],
    ["queued", null],
    ["something new", null],
  ])("a report of %s means %s", (status, state) => {
    const fields = { MessageSid: "SM1", AccountSid: twilio.accountSid, MessageStatus: status }
    const report = sms.webhook?.status(
      request("/webhooks/twilio/status?o=018f0000-0000-7000-8000-000000000001", fields),
    )
    expect(report).toMatchObject({
      providerId: "SM1",
      externalId: `SM1:${status}`,
      state,
      outboxId: "018f0000-0000-7000-8000-000000000001",
    })
  })

  test("a failure says why", () => {
    const fields = {
      MessageSid: "SM1",
      AccountSid: twilio.accountSid,
      MessageStatus: "undelivered",
      ErrorCode: "30034",
    }
    expect(sms.webhook?.status(request("/webhooks/twilio/status", fields)).failure).toMatchObject({
      code: "unregistered_sender",
    })
    expect(() => sms.webhook?.status(request("/webhooks/twilio/status", { ...fields, AccountSid: "AC2" }))).toThrow(
      expect.objectContaining({ status: 403 }),
    )
  })

  test("polling finds the same messages as the webhook, oldest first", async () => {
    const since = new Date(Date.now() - 1000)
    await twilio.receive({ from: PERSON, body: "first", sid: sidOf("a") })
    await sms.send(message())
    await twilio.receive({ from: PERSON, body: "STOP", sid: sidOf("b") })
    const found = await sms.listInbound(since, signal)
    expect(found.map(({ externalId, text, carrier }) => [externalId, text, carrier])).toEqual([
      [sidOf("a"), "first", { by: "phone" }],
      [sidOf("b"), "STOP", { by: "phone" }],
    ])
    const { sentAt, ...polled } = found[0] ?? {}
    expect(polled).toEqual(incoming(form({ MessageSid: sidOf("a"), Body: "first" })))
    expect(sentAt).toBeInstanceOf(Date)
  })
})

describe("who we are", () => {
  test("the probe names our number, or the Messaging Service", async () => {
    expect(await sms.probe(signal)).toBe(twilio.number)
    expect(await createSms({ ...settings(), messagingServiceSid: SERVICE }).probe(signal)).toBe("Vigil service")
    await expect(createSms({ ...settings(), number: "+15550002222" }).probe(signal)).rejects.toMatchObject({
      name: "Misconfigured",
    })
  })

  test("a lost answer to a reading call is Retry", async () => {
    twilio.trouble({ lose: true })
    await expect(sms.probe(signal)).rejects.toMatchObject({ name: "Retry" })
  })
})
