/**
 * Sends text messages, and finds out whether one whose answer was lost went out. Nothing is ever sent a second time on a
 * guess: every message costs money and reaches a phone.
 */
import { Reject } from "../../base/errors.ts"
import type { Lookup, Outgoing, Receipt } from "../channel.ts"
import { sendParts } from "../parts.ts"
import type { SmsSettings, TwilioCalls } from "./client.ts"
import { renderSms, splitBody } from "./render.ts"
import { measure } from "./segments.ts"

/** Seconds Twilio may hold a message: what comes later than this is stale. */
const VALIDITY_SECONDS = 3600
/** Messages looked through for a lost one. */
const LOOK_BACK = 100
/** Milliseconds Twilio's clock may be behind ours. */
const SKEW_MS = 5_000

export async function sendSms(calls: TwilioCalls, settings: SmsSettings, message: Outgoing): Promise<Receipt> {
  if (!isPhone(message.target)) throw new Reject(400, `"${message.target}" is no phone number`, { code: "bad_number" })
  const parts = splitBody(renderSms(message.text))
  const common = {
    to: message.target,
    validityPeriod: VALIDITY_SECONDS,
    ...senderOf(settings, message.target),
    ...callbackOf(settings, message.id),
  }
  const receipt = await sendParts(message, parts, async (body) => {
    const created = await calls.write((client) => client.messages.create({ ...common, body }), message.signal)
    return created.sid
  })
  return { ...receipt, segments: segmentsOf(parts) }
}

/**
 * Whether the parts of `text` in question went to `target` since then: their receipt, `absent` when none did, null when
 * only some did or the list does not reach back far enough. Not filtered by sending date: a queued message has none yet.
 */
export async function findSms(calls: TwilioCalls, message: Lookup): Promise<Receipt | "absent" | null> {
  const done = message.done ?? []
  const parts = splitBody(renderSms(message.text))
  const asked = { to: message.target, limit: LOOK_BACK, pageSize: LOOK_BACK }
  const listed = await calls.read((client) => client.messages.list(asked), message.signal)
  const from = message.since.getTime() - SKEW_MS
  const recent = listed.filter((sent) => sent.dateCreated.getTime() >= from)
  const candidates = recent.filter((sent) => !done.includes(sent.sid))
  const missing = parts.slice(done.length)
  const found = missing.flatMap((part) => candidates.find((sent) => sent.body.trim() === part)?.sid ?? [])
  if (found.length === missing.length) return { providerId: [...done, ...found].join(","), segments: segmentsOf(parts) }
  const reachesBack = listed.length < LOOK_BACK || recent.length < listed.length
  return found.length === 0 && reachesBack ? "absent" : null
}

const segmentsOf = (parts: string[]): number => parts.reduce((sum, part) => sum + measure(part).segments, 0)

/** E.164, also on WhatsApp. */
const isPhone = (target: string): boolean => /^(?:whatsapp:)?\+[1-9]\d{4,14}$/.test(target)

function senderOf(settings: SmsSettings, target: string) {
  if (settings.messagingServiceSid !== undefined) return { messagingServiceSid: settings.messagingServiceSid }
  return { from: target.startsWith("whatsapp:") ? `whatsapp:${settings.number}` : (settings.number ?? "") }
}

function callbackOf(settings: SmsSettings, outboxId: string) {
  if (settings.publicUrl === undefined) return {}
  return {
    statusCallback: `${settings.publicUrl.replace(/\/+$/, "")}/webhooks/twilio/status?o=${encodeURIComponent(outboxId)}`,
  }
}
