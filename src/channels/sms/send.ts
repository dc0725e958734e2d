/**
 * SMS sender: sends text messages, on WhatsApp too, and finds out whether a message whose answer was lost went out. Nothing
 * is sent a second time on a guess, because every message costs money and reaches a phone.
 */
import type { Clock } from "../../base/clock.ts"
import { Reject } from "../../base/errors.ts"
import type { DeliveryOutcome, Found, Lookup, Outgoing, Receipt } from "../channel.ts"
import { sendParts } from "../parts.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"
import { sendFailure } from "./failures.ts"
import { pageOf } from "./page.ts"
import { stateOf } from "./parse.ts"
import { inCheapAlphabet, renderSms, splitBody } from "./render.ts"
import { measure } from "./segments.ts"
import { isWhatsApp, renderWhatsApp, whatsappSender } from "./whatsapp.ts"

/** Seconds for which Twilio may hold a message. A message that arrives later is stale. */
const VALIDITY_SECONDS = 3600
/** Number of sent messages among which a lost one is searched. */
const LOOK_BACK = 100
/** Milliseconds by which Twilio's clock may be behind ours. */
const SKEW_MS = 5_000

export interface SmsDeps {
  calls: TwilioCalls
  settings: SmsSettings
  clock: Clock
}

/** Sends one message. See `Channel.send` for its errors; also throws `Reject` (410) for a message that is stale. */
export async function sendSms({ calls, settings, clock }: SmsDeps, message: Outgoing): Promise<Receipt> {
  if (!isPhone(message.target))
    throw new Reject(400, `"${message.target}" is not a phone number`, { code: "bad_number" })
  const parts = partsOf(message)
  const common = {
    to: message.target,
    validityPeriod: validity(message, clock.now()),
    ...senderOf(settings, message.target),
    ...callbackOf(settings, message.id),
  }
  const receipt = await sendParts(message, parts, async (body) => {
    const created = await calls.write((client) => client.messages.create({ ...common, body }), message.signal)
    return created.sid
  })
  return { ...receipt, ...segmentsOf(message.target, parts) }
}

/** Seconds until the text is stale. Throws `Reject` (410) when it is stale already. */
function validity({ expiresAt }: Outgoing, now: Date): number {
  const left = expiresAt ? Math.ceil((expiresAt.getTime() - now.getTime()) / 1000) : VALIDITY_SECONDS
  if (left <= 0) throw new Reject(410, "the message is no longer true", { code: "stale" })
  return Math.min(left, VALIDITY_SECONDS)
}

/** Asks Twilio what became of one message. Throws like `TwilioCalls.read`. */
export async function deliveryOutcomeOf(
  calls: TwilioCalls,
  sid: string,
  signal: AbortSignal,
): Promise<DeliveryOutcome> {
  const found = await calls.read((client) => client.messages(sid).fetch(), signal)
  const state = stateOf(found.status)
  const amount = found.price === null ? Number.NaN : Math.abs(Number(found.price))
  const price = { amount, currency: found.priceUnit, segments: Number(found.numSegments) }
  return {
    state,
    ...(state === "failed" ? { failure: sendFailure(found.errorCode || undefined) } : {}),
    ...(Number.isFinite(amount) ? { price } : {}),
  }
}

/**
 * Searches Twilio's list for the parts of an uncertain delivery (those after `done`). Returns a receipt when all were sent;
 * `arrived` when only the first ones were; `absent` when none was; null when they were sent in another order than ours, or
 * when the list does not reach back far enough. The list is not filtered by sending date, because a queued message has none.
 */
export async function findSms(calls: TwilioCalls, message: Lookup): Promise<Found | "absent" | null> {
  const done = message.done ?? []
  const parts = partsOf(message)
  const query = { to: message.target, limit: LOOK_BACK, pageSize: LOOK_BACK }
  const listed = await calls.read((client) => client.messages.list(query), message.signal)
  const from = message.since.getTime() - SKEW_MS
  const recent = listed.filter((sent) => sent.dateCreated.getTime() >= from)
  const candidates = recent.filter((sent) => !done.includes(sent.sid))
  const missing = parts.slice(done.length)
  const sids = missing.map((part) => takeMatch(candidates, part))
  const first = sids.slice(0, sids.includes(null) ? sids.indexOf(null) : undefined).flatMap((sid) => sid ?? [])
  if (first.length === missing.length)
    return { providerId: [...done, ...first].join(","), ...segmentsOf(message.target, parts) }
  const reachesBack = listed.length < LOOK_BACK || recent.length < listed.length
  if (!reachesBack || sids.slice(first.length).some((sid) => sid !== null)) return null
  return first.length === 0 ? "absent" : { arrived: first }
}

/** Takes the message with the words of `part` out of `candidates`, because two parts may have the same words. */
function takeMatch(candidates: { sid: string; body: string }[], part: string): string | null {
  const at = candidates.findIndex((sent) => sent.body.trim() === part)
  return candidates.splice(at, at === -1 ? 0 : 1)[0]?.sid ?? null
}

type Words = Pick<Outgoing, "target" | "text" | "plain" | "brief">

/** The bodies of the messages that a text becomes, in order. */
export function partsOf(message: Words): string[] {
  const body = bodyOf(message)
  return splitBody(message.brief && !isWhatsApp(message.target) ? pageOf(body).text : body)
}

/** The rest of an answer, which is sent when the person texts MORE; empty when everything was sent. */
export function restOf(message: Words): string {
  return isWhatsApp(message.target) ? "" : pageOf(bodyOf(message)).rest
}

function bodyOf({ target, text, plain }: Words): string {
  if (isWhatsApp(target)) return plain ? text : renderWhatsApp(text)
  return plain ? inCheapAlphabet(text) : renderSms(text)
}

/** The segments of a receipt. WhatsApp counts none. */
function segmentsOf(target: string, parts: string[]): { segments?: number } {
  return isWhatsApp(target) ? {} : { segments: parts.reduce((sum, part) => sum + measure(part).segments, 0) }
}

/** Whether a target is an E.164 number; on WhatsApp it may also be the id of a person who hides their number. */
const isPhone = (target: string): boolean => /^(?:(?:whatsapp:)?\+[1-9]\d{4,14}|whatsapp:\w[\w.-]{3,63})$/.test(target)

function senderOf(settings: SmsSettings, target: string) {
  const { messagingServiceSid, whatsappNumber, number = "" } = settings
  if (isWhatsApp(target) && whatsappNumber !== undefined) return { from: whatsappSender(settings) ?? "" }
  if (messagingServiceSid !== undefined) return { messagingServiceSid }
  return { from: isWhatsApp(target) ? (whatsappSender(settings) ?? "") : number }
}

function callbackOf(settings: SmsSettings, outboxId: string) {
  if (settings.publicUrl === undefined) return {}
  return {
    statusCallback: `${settings.publicUrl.replace(/\/+$/, "")}/webhooks/twilio/status?o=${encodeURIComponent(outboxId)}`,
  }
}
