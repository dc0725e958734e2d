/**
 * Twilio's webhooks and message records as our own terms. A message for another account or number is refused, even when
 * its signature is right. What its words mean is read at the inbox; who carries them, and what Twilio says that the carrier
 * took them for, is said here.
 */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type Attachment, kindOfType, plainType } from "../attachment.ts"
import type { DeliveryState, Inbound, Keyword } from "../channel.ts"
import { type Failure, sendFailure } from "./failures.ts"
import { MOST_ITEMS, mediaRef } from "./media.ts"
import type { Form } from "./verify.ts"
import { isWhatsApp, whatsappSender } from "./whatsapp.ts"

/** What of the settings says who we are. */
export interface SmsIdentity {
  accountSid: string
  /** Our number in E.164: `+15551234567`. */
  number?: string
  messagingServiceSid?: string
  /** Our sender on WhatsApp in E.164, where it is not `number`. */
  whatsappNumber?: string
}

export interface DeliveryReport {
  /** Unique per message and state: the status callback's key against repeats. */
  externalId: string
  /** The message sid, one of the ids in a receipt. */
  providerId: string
  /** Null for the states on the way (queued, sending, accepted). Reports come in any order. */
  state: DeliveryState | null
  /** Why it failed, and what to do. */
  failure?: Failure
  /** The outbox row named in the callback's address. */
  outboxId?: string
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const one = z.union([
  z.string(),
  z
    .array(z.string())
    .min(1)
    .transform((values) => values[0] ?? ""),
])
const text = one.optional().transform((value) => value ?? "")

const incoming = z.object({
  MessageSid: one,
  AccountSid: one,
  From: one,
  To: one,
  Body: text,
  NumMedia: text,
  MessagingServiceSid: text,
  OptOutType: text,
  ButtonPayload: text,
  ButtonText: text,
})

const status = z.object({ MessageSid: one, AccountSid: one, MessageStatus: one, ErrorCode: text })

const OPT_OUT: Record<string, Keyword> = { STOP: "stop", START: "start", HELP: "help" }

/** Parses an incoming message. Throws `Reject`: 400 when fields are missing, 403 when it is not for us. */
export function parseIncoming(form: Form, us: SmsIdentity): Inbound {
  const parsed = incoming.safeParse(form)
  if (!parsed.success)
    throw new Reject(400, "the form is no incoming Twilio message", { code: "bad_body", cause: parsed.error })
  const said = parsed.data
  if (said.AccountSid !== us.accountSid)
    throw new Reject(403, "the message belongs to another Twilio account", { code: "wrong_account" })
  if (!isForUs(said.To, said.MessagingServiceSid, us)) {
    throw new Reject(403, `the message is for ${said.To}, which is not our number`, { code: "wrong_number" })
  }
  const words = said.ButtonPayload || said.ButtonText || said.Body
  const attachments = attachmentsOf(form, Number(said.NumMedia), us.accountSid)
  const inbound = withAttachments(inboundOf(said.MessageSid, said.From, said.To, words, us), attachments)
  const took = OPT_OUT[said.OptOutType.toUpperCase()]
  return took === undefined ? inbound : { ...inbound, carrier: { by: carrierOf(said.From), took } }
}

/** Parses a status callback; `url` is its path and query. */
export function parseStatus(form: Form, url: string, us: SmsIdentity): DeliveryReport {
  const parsed = status.safeParse(form)
  if (!parsed.success) throw new Reject(400, "the form is no Twilio status", { code: "bad_body", cause: parsed.error })
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

/** Each status of Twilio's message resource, as ours; null while it is on its way. */
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

/** Twilio's message status as ours; null while it is on its way, and for what we do not know. */
export function stateOf(messageStatus: string): DeliveryState | null {
  return STATES[messageStatus] ?? null
}

/** An inbound message from its parts, for webhook and polling alike: both make the same one. */
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

/** `MediaUrl0`, `MediaContentType0` and so on. What has another address than ours is named, and never fetched. */
function attachmentsOf(form: Form, items: number, accountSid: string): Attachment[] {
  return indexes(items).map((index): Attachment => {
    const type = plainType(text.parse(form[`MediaContentType${index}`]))
    const ref = mediaRef(text.parse(form[`MediaUrl${index}`]), accountSid)
    return { kind: kindOfType(type), ...(type === undefined ? {} : { type }), ...(ref === null ? {} : { ref }) }
  })
}

/** The media of a listed message, of which only the number is known. */
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
