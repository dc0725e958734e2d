/**
 * A Twilio that keeps its messages: REST on loopback, checked as strictly as the real one where we depend on it, and the
 * other side of the webhooks, correctly signed.
 */
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import type { Answer, Asked, StandIn } from "./stand-in.ts"
import { startStandIn } from "./stand-in.ts"

export interface StoredMessage {
  sid: string
  direction: "inbound" | "outbound-api"
  from: string
  to: string
  body: string
  status: string
  createdAt: Date
  /** All form fields of the request that created it. */
  fields: Record<string, string>
}

export interface TwilioStandIn extends StandIn {
  accountSid: string
  authToken: string
  number: string
  messages: StoredMessage[]
  /** Numbers that sent STOP: sending to them is refused with 21610. */
  optedOut: Set<string>
  /** A person texts: stored, and posted to `webhookUrl` (the public address of the webhook) when given. */
  receive(text: {
    from: string
    body: string
    webhookUrl?: string
    deliverTo?: string
    sid?: string
  }): Promise<Response | null>
  /** Posts a delivery report for a sent message to the address it was sent with; `deliverTo` replaces its origin. */
  report(sid: string, status: string, options?: { errorCode?: string; deliverTo?: string }): Promise<Response>
}

export interface TwilioOptions {
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
  const account = `/2010-04-01/Accounts/${accountSid}`

  const nextSid = () => `SM${String(messages.length + 1).padStart(32, "0")}`

  function create(asked: Asked): Answer {
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

  function list(asked: Asked): Answer {
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

  function numbers(asked: Asked): Answer {
    const isOurs = asked.url.searchParams.get("PhoneNumber") === number
    const owned = isOurs ? [{ sid: `PN${"0".repeat(32)}`, phone_number: number }] : []
    return { status: 200, body: { incoming_phone_numbers: owned, next_page_uri: null } }
  }

  const routes: Record<string, (asked: Asked) => Answer> = {
    [`POST ${account}/Messages.json`]: create,
    [`GET ${account}/Messages.json`]: list,
    [`GET ${account}/IncomingPhoneNumbers.json`]: numbers,
  }

  const server = await startStandIn((asked) => {
    const basic = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`
    if (asked.headers.authorization !== basic) return refusal(401, 20003, "Authenticate")
    const path = asked.url.pathname
    if (path.startsWith("/v1/Services/")) return { status: 200, body: { friendly_name: "Vigil service" } }
    return routes[`${asked.method} ${path}`]?.(asked) ?? refusal(404, 20404, `${path} was not found`)
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
  }): Promise<Response | null> {
    const sid = text.sid ?? nextSid()
    const form = {
      MessageSid: sid,
      SmsSid: sid,
      AccountSid: accountSid,
      From: text.from,
      To: number,
      Body: text.body,
      NumMedia: "0",
      NumSegments: "1",
    }
    const known = messages.some((message) => message.sid === sid)
    if (!known)
      messages.push({
        sid,
        direction: "inbound",
        from: text.from,
        to: number,
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

  return { ...server, accountSid, authToken, number, messages, optedOut, receive, report }
}

function refusal(status: number, code: number, message: string): Answer {
  return { status, body: { code, message, status, more_info: `https://www.twilio.com/docs/errors/${code}` } }
}

function resource(message: StoredMessage, accountSid: string) {
  const created = message.createdAt.toUTCString()
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
    num_media: "0",
    num_segments: "1",
    error_code: null,
    error_message: null,
  }
}
