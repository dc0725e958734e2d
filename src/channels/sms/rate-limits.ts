/**
 * What a text takes of its sender's throughput: a long-code number sends one segment a second (Twilio, "Understanding Twilio
 * rate limits and message queues"). Twilio queues what comes sooner, so a conversation's burst is let through at once.
 */
import type { Outgoing, RateLimit } from "../channel.ts"
import { measure } from "./segments.ts"
import { partsOf } from "./send.ts"
import { isWhatsApp } from "./whatsapp.ts"

const SMS = { key: "all", burst: 20, everyMs: 1000 }
/** Eighty a second (Twilio, WhatsApp): a tenth of it for one account is more than any person reads. */
const WHATSAPP = { key: "whatsapp", burst: 20, everyMs: 125 }

/** Segments on SMS; texts on WhatsApp, which has none. */
export function smsRateLimits(message: Pick<Outgoing, "target" | "text" | "plain" | "brief">): RateLimit[] {
  if (isWhatsApp(message.target)) return [{ ...WHATSAPP, units: 1 }]
  const segments = partsOf(message).reduce((sum, part) => sum + measure(part).segments, 0)
  return [{ ...SMS, units: Math.max(1, segments) }]
}
