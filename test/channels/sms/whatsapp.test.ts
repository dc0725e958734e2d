/** WhatsApp on the SMS channel: its own addresses in and out, its own marks, and no carrier keywords. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { createSms } from "../../../src/channels/sms/sms.ts"
import { renderWhatsApp } from "../../../src/channels/sms/whatsapp.ts"
import { openTwilioOracle } from "../../support/twilio-oracle.ts"
import { start, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

let twilio: TwilioStandIn
const signal = new AbortController().signal
const PERSON = "whatsapp:+15557654321"
const SANDBOX = "+14155238886"
const settings = () => ({
  accountSid: twilio.accountSid,
  authToken: twilio.authToken,
  number: twilio.number,
  whatsappNumber: SANDBOX,
  apiBase: twilio.url,
  publicUrl: "https://vigil.example",
})
const message = { id: "018f0000-0000-7000-8000-000000000001", target: PERSON, text: "**hello**", signal }

beforeAll(async () => {
  twilio = await start({ oracle: await openTwilioOracle() })
})
afterAll(async () => await twilio.stop())
beforeEach(() => void twilio.messages.splice(0))
afterEach(() => expect(twilio.faults.splice(0)).toEqual([]))

describe("sending", () => {
  test("goes from the WhatsApp sender, with its marks and no segments", async () => {
    const receipt = await createSms(settings()).send(message)
    expect(twilio.messages[0]?.fields).toMatchObject({ To: PERSON, From: `whatsapp:${SANDBOX}`, Body: "*hello*" })
    expect(receipt).toEqual({ providerId: twilio.messages[0]?.sid })
  })

  test("goes from the SMS number or the Messaging Service when WhatsApp has no sender of its own", async () => {
    const { whatsappNumber: _, ...plain } = settings()
    await createSms(plain).send(message)
    expect(twilio.messages[0]?.fields.From).toBe(`whatsapp:${twilio.number}`)
    const service = `MG${"1".repeat(32)}`
    await createSms({ ...plain, messagingServiceSid: service }).send(message)
    expect(twilio.messages[1]?.fields).toMatchObject({ MessagingServiceSid: service })
    await createSms({ ...settings(), messagingServiceSid: service }).send(message)
    expect(twilio.messages[2]?.fields).toMatchObject({ From: `whatsapp:${SANDBOX}` })
  })

  test("a message whose answer was lost is found by its marked text", async () => {
    const sms = createSms(settings())
    twilio.trouble({ lose: true })
    await expect(sms.send(message)).rejects.toMatchObject({ name: "Uncertain" })
    expect(await sms.lookup({ ...message, since: new Date(Date.now() - 1000) })).toEqual({
      providerId: twilio.messages[0]?.sid,
    })
  })

  test("fails for good outside of the 24 hours, and says why", async () => {
    twilio.trouble({ status: 400, body: { code: 63016, message: "outside the allowed window", status: 400 } })
    await expect(createSms(settings()).send(message)).rejects.toMatchObject({
      name: "Reject",
      code: "window_closed",
      fix: expect.stringContaining("24 hours"),
    })
  })

  test("WhatsApp alone is enough to send from", async () => {
    const { number: _, ...alone } = settings()
    await createSms(alone).send(message)
    expect(await createSms(alone).probe(signal)).toBe(`whatsapp:${SANDBOX} (account active)`)
  })
})

describe("receiving", () => {
  const receive = async (body: string, more: Record<string, string> = {}, to = `whatsapp:${SANDBOX}`) => {
    const sms = createSms(settings())
    const sid = `SM${String(twilio.messages.length + 1).padStart(32, "0")}`
    await twilio.receive({ from: PERSON, to, body, sid, more })
    const fields = twilio.messages.at(-1)?.fields ?? {}
    const url = "/webhooks/twilio"
    const { getExpectedTwilioSignature } = await import("twilio/lib/webhooks/webhooks.js")
    const signature = getExpectedTwilioSignature(twilio.authToken, `https://vigil.example${url}`, fields)
    const headers = { "x-twilio-signature": signature }
    return sms.webhook?.incoming({ url, headers, body: new URLSearchParams(fields).toString() })
  }

  test("is a conversation of its own, apart from texts of the same phone", async () => {
    expect(await receive("hi")).toMatchObject({
      channel: "sms",
      address: PERSON,
      target: PERSON,
      threadKey: `sms:whatsapp:${SANDBOX}:${PERSON}`,
      text: "hi",
      carrier: { by: "whatsapp" },
    })
  })

  test("a pressed button answers with its payload, or else with its label", async () => {
    const pressed = { ButtonPayload: "K7 OK", ButtonText: "Approve" }
    expect((await receive("Approve", pressed))?.text).toBe("K7 OK")
    expect((await receive("Approve", { ButtonText: "K7 NO" }))?.text).toBe("K7 NO")
  })

  test("is refused for another sender, although it is signed", async () => {
    await expect(receive("hi", {}, "whatsapp:+15550009999")).rejects.toMatchObject({ code: "wrong_number" })
    await expect(receive("hi", {}, `whatsapp:${twilio.number}`)).rejects.toMatchObject({ code: "wrong_number" })
    await expect(receive("hi", {}, SANDBOX)).rejects.toMatchObject({ code: "wrong_number" })
  })

  test("polling looks at both addresses", async () => {
    const since = new Date(Date.now() - 1000)
    await twilio.receive({ from: PERSON, to: `whatsapp:${SANDBOX}`, body: "one" })
    await twilio.receive({ from: "+15557654321", body: "two" })
    await twilio.receive({ from: "+15557654321", to: "+15550009999", body: "another's" })
    const found = await createSms(settings()).listInbound(since, signal)
    expect(found.map(({ text, address }) => [text, address])).toEqual(
      expect.arrayContaining([
        ["one", PERSON],
        ["two", "+15557654321"],
      ]),
    )
    expect(found.length).toBe(2)
  })
})

test.each([
  ["**bold** and *lean* and ~~gone~~", "*bold* and _lean_ and ~gone~"],
  ["**all *of* it**", "*all _of_ it*"],
  ["run `npm start`", "run `npm start`"],
  ["```\nnpm start\n```", "```npm start```"],
  ["[the page](https://vigil.example/a)", "the page (https://vigil.example/a)"],
  ["\u201cas it is\u201d \u2014 \u{1f44d}", "\u201cas it is\u201d \u2014 \u{1f44d}"],
])("%j becomes %j", (markdown, text) => {
  expect(renderWhatsApp(markdown)).toBe(text)
})
