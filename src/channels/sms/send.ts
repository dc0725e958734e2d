/**
 * Sends text messages, on WhatsApp too, and finds out whether one whose answer was lost went out. Nothing is ever sent a second time on a
 * guess: every message costs money and reaches a phone.
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

/** Seconds Twilio may hold a message: what comes later than this is stale. */
const VALIDITY_SECONDS = 3600
/** Messages looked through for a lost one. */
const LOOK_BACK = 100
/** Milliseconds Twilio's clock may be behind ours. */
const SKEW_MS = 5_000

export interface SmsDeps {
  calls: TwilioCalls
  settings: SmsSettings
  clock: Clock
}

export async function sendSms({ calls, settings, clock }: SmsDeps, message: Outgoing): Promise<Receipt> {
  if (!isPhone(message.target)) throw new Reject(400, `"${message.target}" is no phone number`, { code: "bad_number" })
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

/** Seconds until the text is stale. Throws `Reject` when it is stale already. */
function validity({ expiresAt }: Outgoing, now: Date): number {
  const left = expiresAt ? Math.ceil((expiresAt.getTime() - now.getTime()) / 1000) : VALIDITY_SECONDS
  if (left <= 0) throw new Reject(410, "the message is no longer true", { code: "stale" })
  return Math.min(left, VALIDITY_SECONDS)
}

/** What became of one message. */
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
 * Whether the parts of `text` in question went to `target` since then: their receipt, those that did when the first of them
 * did, `absent` when none did, null when they went in no order of ours or the list does not reach back far enough. Not
 * filtered by sending date: a queued message has none yet.
 */
export async function findSms(calls: TwilioCalls, message: Lookup): Promise<Found | "absent" | null> {
  const done = message.done ?? []
  const parts = partsOf(message)
  const asked = { to: message.target, limit: LOOK_BACK, pageSize: LOOK_BACK }
  const listed = await calls.read((client) => client.messages.list(asked), message.signal)
  const from = message.since.getTime() - SKEW_MS
  const recent = listed.filter((sent) => sent.dateCreated.getTime() >= from)
  const candidates = recent.filter((sent) => !done.includes(sent.sid))
  const missing = parts.slice(done.length)
  const found = missing.map((part) => taken(candidates, part))
  const first = found.slice(0, found.includes(null) ? found.indexOf(null) : undefined).flatMap((sid) => sid ?? [])
  if (first.length === missing.length)
    return { providerId: [...done, ...first].join(","), ...segmentsOf(message.target, parts) }
  const reachesBack = listed.length < LOOK_BACK || recent.length < listed.length
  if (!reachesBack || found.slice(first.length).some((sid) => sid !== null)) return null
  return first.length === 0 ? "absent" : { arrived: first }
}

/** The message with these words, which stands for one part only: two parts may say the same. */
function taken(candidates: { sid: string; body: string }[], part: string): string | null {
  const at = candidates.findIndex((sent) => sent.body.trim() === part)
  return candidates.splice(at, at === -1 ? 0 : 1)[0]?.sid ?? null
}

type Words = Pick<Outgoing, "target" | "text" | "plain" | "brief">

/** The messages that a text becomes. */
export function partsOf(message: Words): string[] {
  const body = bodyOf(message)
  return splitBody(message.brief && !isWhatsApp(message.target) ? pageOf(body).text : body)
}

/** What of an answer is sent when MORE is asked for; empty when that was all. */
export function restOf(message: Words): string {
  return isWhatsApp(message.target) ? "" : pageOf(bodyOf(message)).rest
}

function bodyOf({ target, text, plain }: Words): string {
  if (isWhatsApp(target)) return plain ? text : renderWhatsApp(text)
  return plain ? inCheapAlphabet(text) : renderSms(text)
}

/** WhatsApp counts none. */
function segmentsOf(target: string, parts: string[]): { segments?: number } {
  return isWhatsApp(target) ? {} : { segments: parts.reduce((sum, part) => sum + measure(part).segments, 0) }
}

/** E.164; on WhatsApp also its ids of people who hide their number. */
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
