/**
 * SMS parser: turns Twilio's webhooks and message records into our own types. It refuses a message for another account or
 * number, even when its signature is right. It tells who carried the words and how the carrier read them; the inbox reads
 * what they mean.
 */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type Attachment, kindOfType, plainType } from "../attachment.ts"
import type { DeliveryState, Inbound, Keyword } from "../channel.ts"
import { type Failure, sendFailure } from "./failures.ts"
import { MOST_ITEMS, mediaRef } from "./media.ts"
import type { Form } from "./verify.ts"
import { isWhatsApp, whatsappSender } from "./whatsapp.ts"

/** The settings that say who we are at Twilio. */
export interface SmsIdentity {
  accountSid: string
  /** Our number in E.164: `+15551234567`. */
  number?: string
  messagingServiceSid?: string
  /** Our sender on WhatsApp in E.164, where it is not `number`. */
  whatsappNumber?: string
}

export interface DeliveryReport {
  /** Unique per message and state, so that a repeated callback is recognized. */
  externalId: string
  /** The message sid, one of the ids in a receipt. */
  providerId: string
  /** Null while the message is on its way (queued, sending, accepted). Reports arrive in any order. */
  state: DeliveryState | null
  /** Why the delivery failed, and what to do. */
  failure?: Failure
  /** The id of the outbox row, which the callback's address names. */
  outboxId?: string
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A form field; the first value where the field is repeated. */
const field = z.union([
  z.string(),
  z
    .array(z.string())
    .min(1)
    .transform((values) => values[0] ?? ""),
])
const text = field.optional().transform((value) => value ?? "")

const incoming = z.object({
  MessageSid: field,
  AccountSid: field,
  From: field,
  To: field,
  Body: text,
  NumMedia: text,
  MessagingServiceSid: text,
  OptOutType: text,
  ButtonPayload: text,
  ButtonText: text,
})

const status = z.object({ MessageSid: field, AccountSid: field, MessageStatus: field, ErrorCode: text })

const OPT_OUT: Record<string, Keyword> = { STOP: "stop", START: "start", HELP: "help" }

/** Parses an incoming message. Throws `Reject`: 400 when fields are missing, 403 when the message is not for us. */
export function parseIncoming(form: Form, us: SmsIdentity): Inbound {
  const parsed = incoming.safeParse(form)
  if (!parsed.success)
    throw new Reject(400, "the form is not an incoming Twilio message", { code: "bad_body", cause: parsed.error })
  const fields = parsed.data
  if (fields.AccountSid !== us.accountSid)
    throw new Reject(403, "the message belongs to another Twilio account", { code: "wrong_account" })
  if (!isForUs(fields.To, fields.MessagingServiceSid, us)) {
    throw new Reject(403, `the message is for ${fields.To}, which is not our number`, { code: "wrong_number" })
  }
  const words = fields.ButtonPayload || fields.ButtonText || fields.Body
  const attachments = attachmentsOf(form, Number(fields.NumMedia), us.accountSid)
  const inbound = withAttachments(inboundOf(fields.MessageSid, fields.From, fields.To, words, us), attachments)
  const took = OPT_OUT[fields.OptOutType.toUpperCase()]
  return took === undefined ? inbound : { ...inbound, carrier: { by: carrierOf(fields.From), took } }
}

/**
 * Parses a status callback; `url` is its path and query. Throws `Reject`: 400 when fields are missing, 403 when the message
 * belongs to another account.
 */
export function parseStatus(form: Form, url: string, us: SmsIdentity): DeliveryReport {
  const parsed = status.safeParse(form)
  if (!parsed.success)
    throw new Reject(400, "the form is not a Twilio status", { code: "bad_body", cause: parsed.error })
  const { MessageSid, AccountSid, MessageStatus, ErrorCode } = parsed.data
  if (AccountSid !== us.accountSid)
    throw new Reject(403, "the status belongs to another Twilio account", { code: "wrong_account" })
  const outboxId = new URL(url, "http://localhost").searchParams.get("o")
  const state = stateOf(MessageStatus)
  return {
    externalId: [MessageSid, MessageStatus, ErrorCode].filter((part) => part !== "").join(":"),
    providerId: MessageSid,
    state,
    ...(state === "failed" ? { failure: sendFailure(Number(ErrorCode) || undefined) } : {}),
    ...(outboxId !== null && UUID.test(outboxId) ? { outboxId } : {}),
  }
}

/** Each status of Twilio's message resource with our delivery state; null while the message is on its way. */
export const STATES: Readonly<Record<string, DeliveryState | null>> = {
  accepted: null,
  scheduled: null,
  queued: null,
  sending: null,
  receiving: null,
  received: null,
  sent: "sent",
  delivered: "delivered",
  partially_delivered: "delivered",
  read: "delivered",
  failed: "failed",
  undelivered: "failed",
  canceled: "failed",
}

/** The delivery state that a Twilio status means; null while the message is on its way, and for an unknown status. */
export function stateOf(messageStatus: string): DeliveryState | null {
  return STATES[messageStatus] ?? null
}

/** Makes an inbound message. Webhook and polling both use it, so that both make the same message of the same text. */
export function inboundOf(sid: string, from: string, to: string, words: string, us: SmsIdentity): Inbound {
  return {
    channel: "sms",
    source: `sms:${us.accountSid}`,
    externalId: sid,
    address: from,
    threadKey: `sms:${to}:${from}`,
    text: words,
    carrier: { by: carrierOf(from) },
    target: from,
  }
}

const carrierOf = (from: string) => (isWhatsApp(from) ? "whatsapp" : "phone")

export function withAttachments(inbound: Inbound, attachments: Attachment[]): Inbound {
  return attachments.length === 0 ? inbound : { ...inbound, attachments }
}

/** Reads `MediaUrl0`, `MediaContentType0` and so on. A file at an address that is not ours is mentioned, and never fetched. */
function attachmentsOf(form: Form, items: number, accountSid: string): Attachment[] {
  return indexes(items).map((index): Attachment => {
    const type = plainType(text.parse(form[`MediaContentType${index}`]))
    const ref = mediaRef(text.parse(form[`MediaUrl${index}`]), accountSid)
    return { kind: kindOfType(type), ...(type === undefined ? {} : { type }), ...(ref === null ? {} : { ref }) }
  })
}

/** The attachments of a listed message. Twilio's list tells only how many there are. */
export function listedAttachments(sid: string, items: number): Attachment[] {
  return indexes(items).map((index) => ({ kind: "file", ref: `${sid}/${index}` }))
}

const indexes = (items: number): number[] =>
  Array.from({ length: items > 0 ? Math.min(items, MOST_ITEMS) : 0 }, (_, index) => index)

function isForUs(to: string, service: string, us: SmsIdentity): boolean {
  if (isOurService(service, us)) return true
  return isWhatsApp(to) ? to === whatsappSender(us) : to === us.number
}

const isOurService = (service: string, us: SmsIdentity): boolean =>
  us.messagingServiceSid !== undefined && service === us.messagingServiceSid
