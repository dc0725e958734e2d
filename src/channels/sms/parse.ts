/**
 * Twilio's webhooks and message records as our own terms. A message for another account or number is refused, even when
 * its signature is right; a carrier keyword is marked, so that nobody runs an agent on it.
 */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { DeliveryState, Inbound } from "../channel.ts"
import { type Failure, failureOf } from "./failures.ts"
import type { Keyword } from "./keywords.ts"
import { keywordIn } from "./keywords.ts"
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

export interface SmsInbound {
  inbound: Inbound
  /** The carrier's own word: record it, switch sending off or on, and never hand it to the agent. */
  keyword: Keyword | null
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
export function parseIncoming(form: Form, us: SmsIdentity): SmsInbound {
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
  const keyword = OPT_OUT[said.OptOutType.toUpperCase()] ?? keywordIn(words, said.From)
  return {
    inbound: inboundOf(said.MessageSid, said.From, said.To, withMediaNote(words, Number(said.NumMedia)), us),
    keyword,
  }
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
    ...(state === "failed" ? { failure: failureOf(Number(ErrorCode) || undefined) } : {}),
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
    target: from,
  }
}

/** Says that something came which is not read, instead of losing it silently. */
export function withMediaNote(words: string, media: number): string {
  if (!(media > 0)) return words
  const note = `[${media === 1 ? "a file" : `${media} files`} came with this message; only text is read here]`
  return words.trim() === "" ? note : `${words}\n${note}`
}

function isForUs(to: string, service: string, us: SmsIdentity): boolean {
  if (isOurService(service, us)) return true
  return isWhatsApp(to) ? to === whatsappSender(us) : to === us.number
}

const isOurService = (service: string, us: SmsIdentity): boolean =>
  us.messagingServiceSid !== undefined && service === us.messagingServiceSid
