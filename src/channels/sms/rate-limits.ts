/**
 * SMS rate limits: how much of its sender's throughput a text takes. A long-code number sends one segment a second (Twilio,
 * "Understanding Twilio rate limits and message queues"). Twilio queues what arrives sooner, so the burst of a conversation
 * may leave at once.
 */
import type { Outgoing, RateLimit } from "../channel.ts"
import { measure } from "./segments.ts"
import { partsOf } from "./send.ts"
import { isWhatsApp } from "./whatsapp.ts"

const SMS = { key: "all", burst: 20, everyMs: 1000 }
/** Twilio takes eighty messages a second for WhatsApp. A tenth of them is more than any person reads. */
const WHATSAPP = { key: "whatsapp", burst: 20, everyMs: 125 }

/** The rate limits of a message. Its units are segments on SMS, and messages on WhatsApp, which has no segments. */
export function smsRateLimits(message: Pick<Outgoing, "target" | "text" | "plain" | "brief">): RateLimit[] {
  if (isWhatsApp(message.target)) return [{ ...WHATSAPP, units: 1 }]
  const segments = partsOf(message).reduce((sum, part) => sum + measure(part).segments, 0)
  return [{ ...SMS, units: Math.max(1, segments) }]
}
