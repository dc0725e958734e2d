/**
 * A Twilio that keeps its messages: REST on loopback, checked as strictly as the real one where we depend on it, and the
 * other side of the webhooks, correctly signed.
 */

import type { Readable } from "node:stream"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import type { Answer, ReceivedRequest, StandIn } from "./stand-in.ts"
import { startStandIn } from "./stand-in.ts"
import type { TwilioOracle } from "./twilio-oracle.ts"

export interface StoredMessage {
  sid: string
  direction: "inbound" | "outbound-api"
  from: string
  to: string
  body: string
  status: string
  errorCode?: string
  createdAt: Date
  /** All form fields of the request that created it. */
  fields: Record<string, string>
}

export interface TwilioStandIn extends StandIn {
  /** Settings of a product that sends by it. */
  env: Record<string, string>
  accountSid: string
  authToken: string
  number: string
  messages: StoredMessage[]
  /** Numbers that sent STOP: sending to them is refused with 21610. */
  optedOut: Set<string>
  /** What Twilio knows of the account, the number and the messaging service; answered by the API, changed by it too. */
  account: { status: string; type: string }
  owned: OwnedNumber
  service: { friendly_name: string; use_inbound_webhook_on_number: boolean; inbound_request_url: string | null }
  /** What the oracle found wrong with requests and with our answers to them. */
  faults: string[]
  /** A person texts: stored, and posted to `webhookUrl` (the public address of the webhook) when given. */
  receive(text: {
    from: string
    body: string
    webhookUrl?: string
    deliverTo?: string
    sid?: string
    /** Ours that it was sent to; the stand-in's number unless told. */
    to?: string
    /** More form fields: `ButtonPayload`. */
    more?: Record<string, string>
  }): Promise<Response | null>
  /** Keeps files of a message to come, and gives its form fields; `location` replaces where the API points to. */
  attach(
    sid: string,
    files: { type: string; bytes: Uint8Array | Readable; location?: string }[],
  ): Record<string, string>
  /** Posts a delivery report for a sent message to the address it was sent with; `deliverTo` replaces its origin. */
  report(sid: string, status: string, options?: { errorCode?: string; deliverTo?: string }): Promise<Response>
}

export interface OwnedNumber {
  sid: string
  phone_number: string
  capabilities: { sms: boolean; mms: boolean; voice: boolean; fax: boolean }
  sms_url: string | null
  sms_method: string | null
  sms_application_sid: string | null
}

export interface TwilioOptions {
  /** Judges every request and every answer. */
  oracle?: TwilioOracle | null
  accountSid?: string
  authToken?: string
  number?: string
  now?: () => Date
}

export async function start(options: TwilioOptions = {}): Promise<TwilioStandIn> {
  const accountSid = options.accountSid ?? `AC${"0123456789abcdef".repeat(2)}`
  const authToken = options.authToken ?? "twilio-test-token"
  const number = options.number ?? "+15550001111"
  const now = options.now ?? (() => new Date())
  const messages: StoredMessage[] = []
  const optedOut = new Set<string>()
  const faults: string[] = []
  const known = { status: "active", type: "Full" }
  const owned: OwnedNumber = {
    sid: `PN${"0".repeat(32)}`,
    phone_number: number,
    capabilities: { sms: true, mms: true, voice: true, fax: false },
    sms_url: null,
    sms_method: "POST",
    sms_application_sid: null,
  }
  const service: TwilioStandIn["service"] = {
    friendly_name: "Vigil service",
    use_inbound_webhook_on_number: true,
    inbound_request_url: null,
  }
  const account = `/2010-04-01/Accounts/${accountSid}`

  const nextSid = () => `SM${String(messages.length + 1).padStart(32, "0")}`

  function create(asked: ReceivedRequest): Answer {
    const fields = Object.fromEntries(new URLSearchParams(asked.body))
    const { To: to = "", From: from, Body: body = "", MessagingServiceSid: service } = fields
    if (!/^(whatsapp:)?\+\d{8,15}$/.test(to)) return refusal(400, 21211, `Invalid 'To' Phone Number: ${to}`)
    if (from === undefined && service === undefined) return refusal(400, 21603, "A 'From' phone number is required.")
    if (body === "") return refusal(400, 21602, "Message body is required.")
    if (body.length > 1600)
      return refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if (optedOut.has(to)) return refusal(400, 21610, "Attempt to send to unsubscribed recipient")
    const stored: StoredMessage = {
      sid: nextSid(),
      direction: "outbound-api",
      from: from ?? number,
      to,
      body,
      status: "queued",
      createdAt: now(),
      fields,
    }
    messages.push(stored)
    return { status: 201, body: resource(stored, accountSid) }
  }

  function list(asked: ReceivedRequest): Answer {
    const query = asked.url.searchParams
    const after = query.get("DateSent>")
    const found = messages
      .filter((message) => query.get("To") === null || message.to === query.get("To"))
      .filter((message) => query.get("From") === null || message.from === query.get("From"))
      .filter((message) => after === null || (message.status !== "queued" && message.createdAt >= new Date(after)))
      .toReversed()
      .slice(0, Number(query.get("PageSize") ?? 50))
    return {
      status: 200,
      body: { messages: found.map((message) => resource(message, accountSid)), next_page_uri: null, page: 0 },
    }
  }

  function serviceAnswer(asked: ReceivedRequest): Answer {
    const { InboundRequestUrl, UseInboundWebhookOnNumber } = Object.fromEntries(new URLSearchParams(asked.body))
    if (InboundRequestUrl !== undefined) service.inbound_request_url = InboundRequestUrl
    if (UseInboundWebhookOnNumber !== undefined)
      service.use_inbound_webhook_on_number = UseInboundWebhookOnNumber === "true"
    return { status: 200, body: { sid: asked.url.pathname.split("/").at(-1), ...service } }
  }

  function fetchMessage(asked: ReceivedRequest): Answer {
    const sid = asked.url.pathname.split("/").at(-1)?.replace(".json", "")
    const found = messages.find((message) => message.sid === sid)
    return found ? { status: 200, body: resource(found, accountSid) } : refusal(404, 20404, `${sid} was not found`)
  }

  function numbers(asked: ReceivedRequest): Answer {
    const isOurs = asked.url.searchParams.get("PhoneNumber") === owned.phone_number
    return { status: 200, body: { incoming_phone_numbers: isOurs ? [owned] : [], next_page_uri: null } }
  }

  function changeNumber(asked: ReceivedRequest): Answer {
    const { SmsUrl, SmsMethod } = Object.fromEntries(new URLSearchParams(asked.body))
    if (SmsUrl !== undefined) owned.sms_url = SmsUrl
    if (SmsMethod !== undefined) owned.sms_method = SmsMethod
    return { status: 200, body: owned }
  }

  const routes: Record<string, (asked: ReceivedRequest) => Answer> = {
    [`POST ${account}/Messages.json`]: create,
    [`GET ${account}/Messages.json`]: list,
    [`GET ${account}.json`]: () => ({ status: 200, body: { sid: accountSid, ...known } }),
    [`GET ${account}/IncomingPhoneNumbers.json`]: numbers,
    [`POST ${account}/IncomingPhoneNumbers/${owned.sid}.json`]: changeNumber,
  }
  const isMessage = new RegExp(`^GET ${account}/Messages/\\w+\\.json$`)

  /** `ME…` of a file, its message, and where it is kept. */
  const kept: { sid: string; message: string; type: string; bytes: Uint8Array | Readable; location: string }[] = []
  const isMedia = new RegExp(`^${account}/Messages/(\\w+)/Media(?:/(ME\\w+)|\\.json)$`)

  function attach(message: string, files: Parameters<TwilioStandIn["attach"]>[1]): Record<string, string> {
    const fields: [string, string][] = files.flatMap(({ location, ...file }, index) => {
      const sid = `ME${String(kept.length + 1).padStart(32, "0")}`
      kept.push({
        ...file,
        sid,
        message,
        location: location ?? `https://mms.twiliocdn.com/${accountSid}/${sid}?Expires=1`,
      })
      const url = `https://api.twilio.com${account}/Messages/${message}/Media/${sid}`
      return [
        [`MediaUrl${index}`, url],
        [`MediaContentType${index}`, file.type],
      ] as [string, string][]
    })
    return { NumMedia: String(files.length), ...Object.fromEntries(fields) }
  }

  function mediaOf(path: string): Answer | null {
    const [, message, sid] = isMedia.exec(path) ?? []
    if (message === undefined) return null
    const found = kept.filter((one) => one.message === message)
    const uri = (one: { sid: string }) => `${account}/Messages/${message}/Media/${one.sid}.json`
    const media_list = found.map((one) => ({ sid: one.sid, content_type: one.type, uri: uri(one) }))
    if (sid === undefined) return { status: 200, body: { media_list, next_page_uri: null, page: 0 } }
    const one = found.find((each) => each.sid === sid)
    return one ? { status: 307, headers: { location: one.location } } : refusal(404, 20404, `${sid} was not found`)
  }

  /** The storage: open to whoever has the address, and no place for credentials. */
  function stored(asked: ReceivedRequest): Answer | null {
    const one = kept.find(({ location }) => location.endsWith(`${asked.url.pathname}${asked.url.search}`))
    if (one === undefined) return null
    return asked.headers.authorization === undefined ? { status: 200, body: one.bytes } : { status: 400 }
  }

  function answer(asked: ReceivedRequest): Answer {
    const path = asked.url.pathname
    const media = mediaOf(path)
    if (media !== null) return media
    if (/^\/v1\/Services\/MG\w+$/.test(path)) return serviceAnswer(asked)
    const route = routes[`${asked.method} ${path}`] ?? (isMessage.test(`${asked.method} ${path}`) ? fetchMessage : null)
    return route?.(asked) ?? refusal(404, 20404, `${path} was not found`)
  }

  const server = await startStandIn(async (asked) => {
    const file = stored(asked)
    if (file !== null) return file
    const basic = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`
    if (asked.headers.authorization !== basic) return refusal(401, 20003, "Authenticate")
    const given = answer(asked)
    const found = (await options.oracle?.faults(asked, given)) ?? []
    faults.push(...found.map((fault) => `${asked.method} ${asked.url.pathname}: ${fault}`))
    return given
  })

  async function post(
    publicUrl: string,
    deliverTo: string | undefined,
    form: Record<string, string>,
  ): Promise<Response> {
    const target =
      deliverTo === undefined ? publicUrl : publicUrl.replace(new URL(publicUrl).origin, new URL(deliverTo).origin)
    const signature = getExpectedTwilioSignature(authToken, publicUrl, form)
    return await fetch(target, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "x-twilio-signature": signature },
    })
  }

  async function receive(text: {
    from: string
    body: string
    webhookUrl?: string
    deliverTo?: string
    sid?: string
    to?: string
    more?: Record<string, string>
  }): Promise<Response | null> {
    const sid = text.sid ?? nextSid()
    const to = text.to ?? number
    const form = {
      MessageSid: sid,
      SmsSid: sid,
      AccountSid: accountSid,
      From: text.from,
      To: to,
      Body: text.body,
      NumMedia: "0",
      NumSegments: "1",
      ...text.more,
    }
    const known = messages.some((message) => message.sid === sid)
    if (!known)
      messages.push({
        sid,
        direction: "inbound",
        from: text.from,
        to,
        body: text.body,
        status: "received",
        createdAt: now(),
        fields: form,
      })
    return text.webhookUrl === undefined ? null : await post(text.webhookUrl, text.deliverTo, form)
  }

  async function report(
    sid: string,
    status: string,
    given: { errorCode?: string; deliverTo?: string } = {},
  ): Promise<Response> {
    const message = messages.find((each) => each.sid === sid)
    const callback = message?.fields.StatusCallback
    if (message === undefined || callback === undefined) throw new Error(`${sid} was not sent with a status callback`)
    message.status = status
    if (given.errorCode !== undefined) message.errorCode = given.errorCode
    const code = given.errorCode === undefined ? {} : { ErrorCode: given.errorCode }
    const form = {
      MessageSid: sid,
      SmsSid: sid,
      AccountSid: accountSid,
      From: message.from,
      To: message.to,
      MessageStatus: status,
      SmsStatus: status,
      ...code,
    }
    return await post(callback, given.deliverTo, form)
  }

  return {
    ...server,
    env: {
      TWILIO_ACCOUNT_SID: accountSid,
      TWILIO_AUTH_TOKEN: authToken,
      TWILIO_NUMBER: number,
      TWILIO_API_BASE: server.url,
    },
    accountSid,
    authToken,
    number,
    messages,
    optedOut,
    account: known,
    owned,
    service,
    faults,
    receive,
    attach,
    report,
  }
}

function refusal(status: number, code: number, message: string): Answer {
  return { status, body: { code, message, status, more_info: `https://www.twilio.com/docs/errors/${code}` } }
}

function resource(message: StoredMessage, accountSid: string) {
  // As Twilio writes it: "Sun, 22 Nov 2026 10:00:00 +0000".
  const created = message.createdAt.toUTCString().replace("GMT", "+0000")
  return {
    sid: message.sid,
    account_sid: accountSid,
    from: message.from,
    to: message.to,
    body: message.body,
    direction: message.direction,
    status: message.status,
    date_created: created,
    date_updated: created,
    date_sent: message.status === "queued" ? null : created,
    num_media: message.fields.NumMedia ?? "0",
    num_segments: "1",
    error_code: message.errorCode === undefined ? null : Number(message.errorCode),
    error_message: null,
    price: message.status === "delivered" ? "-0.00790" : null,
    price_unit: "USD",
  }
}
