/**
 * Every call that the channel makes, held against Twilio's own description of its API. The other suites of this folder and
 * the stories of SMS are judged in the same way. The first tests show that the judge finds faults.
 */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createSms } from "../../../src/channels/sms/sms.ts"
import { jpeg } from "../../support/files.ts"
import type { ReceivedRequest } from "../../support/stand-in.ts"
import { noTwilioOracle, openTwilioOracle, type TwilioOracle } from "../../support/twilio-oracle.ts"
import { start, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

const ACCOUNT = `/2010-04-01/Accounts/AC${"0123456789abcdef".repeat(2)}`
const SERVICE = `MG${"1".repeat(32)}`
const PERSON = "+15557654321"
const PUBLIC_URL = "https://vigil.example"
const SOURCES = join(import.meta.dirname, "../../../src/channels/sms")
const signal = new AbortController().signal

describe.skipIf(noTwilioOracle !== undefined)(noTwilioOracle ?? "Twilio's description", () => {
  let oracle: TwilioOracle
  let twilio: TwilioStandIn
  beforeAll(async () => {
    const opened = await openTwilioOracle()
    if (opened === null) throw new Error(noTwilioOracle)
    oracle = opened
    twilio = await start({ oracle })
  })
  afterAll(async () => await twilio.stop())

  const asked = (
    method: string,
    path: string,
    form?: Record<string, string>,
    authorization = "Basic YTpi",
  ): ReceivedRequest => ({
    method,
    url: new URL(path, "http://localhost"),
    headers: { authorization, ...(form ? { "content-type": "application/x-www-form-urlencoded" } : {}) },
    body: form ? new URLSearchParams(form).toString() : "",
  })
  const create = (form: Record<string, string>) => asked("POST", `${ACCOUNT}/Messages.json`, { To: PERSON, ...form })

  test.each<[string, () => ReceivedRequest, RegExp]>([
    ["an unknown field", () => create({ Bodi: "x" }), /Bodi/],
    ["a malformed number", () => create({ ValidityPeriod: "an hour" }), /ValidityPeriod must be integer/],
    [
      "a value that is not one of those",
      () => create({ ScheduleType: "soon" }),
      /ScheduleType must be equal to one of/,
    ],
    ["a form without a required field", () => asked("POST", `${ACCOUNT}/Messages.json`, { Body: "x" }), /To/],
    ["an unknown parameter", () => asked("GET", `${ACCOUNT}/Messages.json?Until=now`), /Until/],
    ["a page that is too large", () => asked("GET", `${ACCOUNT}/Messages.json?PageSize=5000`), /must be <= 1000/],
    ["an unknown path", () => asked("GET", `${ACCOUNT}/Message.json`), /hasn't been found/],
    ["no credentials", () => asked("GET", `${ACCOUNT}/Messages.json`, undefined, ""), /security/i],
  ])("finds %s", async (_what, request, fault) => {
    expect((await oracle.faults(request())).join("\n")).toMatch(fault)
  })

  test("finds an answer that Twilio would not give", async () => {
    const answer = { status: 200, body: { sid: "SM1", status: "teleported" } }
    const found = await oracle.faults(asked("GET", `${ACCOUNT}/Messages/SM${"0".repeat(32)}.json`), answer)
    expect(found.join("\n")).toMatch(/status must be equal to one of/)
  })

  test("finds nothing in any call that the channel makes", async () => {
    const { accountSid, authToken, number, url: apiBase } = twilio
    const make = (more: object) => createSms({ accountSid, authToken, apiBase, publicUrl: PUBLIC_URL, ...more })
    const sms = make({ number, whatsappNumber: "+14155238886" })
    const byService = make({ messagingServiceSid: SERVICE })
    const onWhatsApp = make({ whatsappNumber: "+14155238886" })
    const message = { id: "018f0000-0000-7000-8000-000000000001", target: PERSON, text: "hello \u{1f44d}", signal }
    const expiresAt = new Date(Date.now() + 90_000)

    const { providerId } = await sms.send(message)
    await sms.send({ ...message, text: "word ".repeat(700), brief: true })
    await sms.send({ ...message, text: "word ".repeat(700), expiresAt })
    await sms.send({ ...message, target: `whatsapp:${PERSON}` })
    await byService.send(message)
    await make({ number, publicUrl: undefined }).send(message)
    const since = new Date(Date.now() - 60_000)
    await sms.lookup({ ...message, since })
    await sms.lookup({ ...message, target: `whatsapp:${PERSON}`, since })
    await sms.deliveryOutcome(providerId, signal)
    await sms.listInbound(since, signal)
    await byService.listInbound(since, signal)
    const media = `MM${"c".repeat(32)}`
    twilio.attach(media, [{ type: "image/jpeg", bytes: jpeg() }])
    await sms.fetchMedia?.(`${media}/0`, { maxBytes: 5_000_000, signal })
    for (const one of [sms, byService, onWhatsApp]) {
      await one.probe(signal)
      await one.inspect(signal)
    }
    twilio.service.use_inbound_webhook_on_number = false
    for (const one of [sms, byService]) await one.setUp(PUBLIC_URL, signal)

    expect(twilio.faults).toEqual([])
    // The storage of files is not part of the API, which only names its addresses.
    const asked = twilio.asked.filter(({ url }) => !url.pathname.startsWith(`/${accountSid}/ME`))
    const calls = asked.map(
      ({ method, url }) => `${method} ${url.pathname.replace(/(SM|MM|ME|PN|MG|AC)\w{32}/g, "$1")}`,
    )
    expect([...new Set(calls)].toSorted()).toEqual([
      "GET /2010-04-01/Accounts/AC.json",
      "GET /2010-04-01/Accounts/AC/IncomingPhoneNumbers.json",
      "GET /2010-04-01/Accounts/AC/Messages.json",
      "GET /2010-04-01/Accounts/AC/Messages/MM/Media.json",
      "GET /2010-04-01/Accounts/AC/Messages/MM/Media/ME",
      "GET /2010-04-01/Accounts/AC/Messages/SM.json",
      "GET /v1/Services/MG",
      "POST /2010-04-01/Accounts/AC/IncomingPhoneNumbers/PN.json",
      "POST /2010-04-01/Accounts/AC/Messages.json",
      "POST /v1/Services/MG",
    ])
  })

  test("knows every call of the sources: a new one belongs to those above", () => {
    const files = globSync("*.ts", { cwd: SOURCES }).map((name) => readFileSync(join(SOURCES, name), "utf8"))
    const calls = [...files.join("\n").matchAll(/\bclient\.([\w.]+(?:\(\w+\)[\w.]*)*)\(/g)].map(([, call = ""]) =>
      call.replaceAll(/\(\w+\)/g, ""),
    )
    expect([...new Set(calls)].toSorted()).toEqual([
      "api.v2010.accounts.fetch",
      "incomingPhoneNumbers.list",
      "incomingPhoneNumbers.update",
      "messages.create",
      "messages.fetch",
      "messages.list",
      "messages.media.list",
      "messaging.v1.services.fetch",
      "messaging.v1.services.update",
    ])
  })
})
