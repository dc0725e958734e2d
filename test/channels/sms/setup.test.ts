/** Twilio's settings: faults are found, and only the address of the webhook is ever changed. */
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { createSms } from "../../../src/channels/sms/sms.ts"
import { openTwilioOracle, type TwilioOracle } from "../../support/twilio-oracle.ts"
import { start, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

let twilio: TwilioStandIn
let oracle: TwilioOracle | null
const signal = new AbortController().signal
const PUBLIC_URL = "https://vigil.example"
const WEBHOOK = `${PUBLIC_URL}/webhooks/twilio`
const SERVICE = `MG${"1".repeat(32)}`
const sms = (more: object = {}) => {
  const { accountSid, authToken, number, url: apiBase } = twilio
  return createSms({ accountSid, authToken, number, apiBase, publicUrl: PUBLIC_URL, ...more })
}
const messages = async (more: object = {}) => (await sms(more).inspect(signal)).map(({ message }) => message)

beforeEach(async () => {
  oracle ??= await openTwilioOracle()
  twilio = await start({ oracle })
  twilio.owned.sms_url = `${WEBHOOK}#rc=3`
})
afterEach(async () => {
  expect(twilio.faults).toEqual([])
  await twilio.stop()
})

describe("checking", () => {
  test("finds nothing where all is right, and changes nothing", async () => {
    expect(await messages()).toEqual([])
    expect(twilio.asked.map(({ method }) => method)).not.toContain("POST")
  })

  test.each<[string, (at: TwilioStandIn) => void, RegExp]>([
    ["a suspended account", (at) => Object.assign(at.account, { status: "suspended" }), /account is suspended/],
    ["a trial account", (at) => Object.assign(at.account, { type: "Trial" }), /trial account.*21608/],
    ["a number of another account", (at) => Object.assign(at.owned, { phone_number: "+15550009999" }), /does not own/],
    ["a number that cannot text", (at) => Object.assign(at.owned.capabilities, { sms: false }), /cannot send text/],
    ["no webhook", (at) => Object.assign(at.owned, { sms_url: null }), /delivered nowhere instead of to/],
    [
      "a webhook elsewhere, of which only the host is told",
      (at) => Object.assign(at.owned, { sms_url: "https://hooks.example.com/secret-path" }),
      /delivered to hooks\.example\.com instead/,
    ],
    ["the wrong method", (at) => Object.assign(at.owned, { sms_method: "GET" }), /by GET/],
    [
      "a TwiML App in between",
      (at) => Object.assign(at.owned, { sms_application_sid: `AP${"2".repeat(32)}` }),
      /TwiML App/,
    ],
  ])("finds %s, with its fix", async (_what, breakIt, message) => {
    breakIt(twilio)
    const found = await sms().inspect(signal)
    expect(found.map((one) => one.message)).toEqual([expect.stringMatching(message)])
    expect(found[0]?.fix).toMatch(/^[a-z].{10,}/)
    expect(JSON.stringify(found)).not.toContain("secret-path")
  })

  test("finds a Messaging Service that delivers to another address, whatever the number's settings say", async () => {
    expect(await messages({ messagingServiceSid: SERVICE })).toEqual([])
    twilio.service.use_inbound_webhook_on_number = false
    expect(await messages({ messagingServiceSid: SERVICE })).toEqual([
      expect.stringMatching(/Messaging Service.*nowhere/),
    ])
    twilio.service.inbound_request_url = WEBHOOK
    expect(await messages({ messagingServiceSid: SERVICE })).toEqual([])
  })

  test("does not want webhooks where messages are polled", async () => {
    twilio.owned.sms_url = null
    expect(await messages({ publicUrl: undefined })).toEqual([])
  })
})

describe("setting up", () => {
  test("sets the number's webhook to our address, with retries that are not part of the signed address", async () => {
    twilio.owned.sms_url = null
    twilio.owned.sms_method = "GET"
    expect(await sms().setUp(PUBLIC_URL, signal)).toEqual([
      `Messages to ${twilio.number} are delivered to ${WEBHOOK} by POST.`,
    ])
    expect(twilio.owned).toMatchObject({ sms_url: `${WEBHOOK}#rc=3&rp=5xx,ct,rt`, sms_method: "POST" })
    expect(await messages()).toEqual([])
  })

  test("sets the webhook of a Messaging Service that does not use the number's webhook", async () => {
    twilio.service.use_inbound_webhook_on_number = false
    const done = await sms({ messagingServiceSid: SERVICE }).setUp(PUBLIC_URL, signal)
    expect(done[1]).toMatch(/^The Messaging Service Vigil service delivers/)
    expect(twilio.service.inbound_request_url).toBe(`${WEBHOOK}#rc=3&rp=5xx,ct,rt`)
    expect(await messages({ messagingServiceSid: SERVICE })).toEqual([])
  })

  test("changes no number that is not ours, and says what the owner must do for WhatsApp", async () => {
    const done = await sms({ number: "+15550009999", whatsappNumber: "+14155238886" }).setUp(PUBLIC_URL, signal)
    expect(done).toEqual([expect.stringMatching(/^Nothing was changed/), expect.stringMatching(/^For WhatsApp, set/)])
    expect(twilio.asked.map(({ method }) => method)).not.toContain("POST")
  })
})
