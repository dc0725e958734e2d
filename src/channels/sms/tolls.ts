/**
 * What a text takes of its sender's throughput: a long-code number sends one segment a second (Twilio, "Understanding Twilio
 * rate limits and message queues"). Twilio queues what comes sooner, so a conversation's burst is let through at once.
 */
import type { Outgoing, Toll } from "../channel.ts"
import { renderSms } from "./render.ts"
import { measure } from "./segments.ts"
import { isWhatsApp } from "./whatsapp.ts"

const SMS = { key: "all", burst: 20, everyMs: 1000 }
/** Eighty a second (Twilio, WhatsApp): a tenth of it for one account is more than any person reads. */
const WHATSAPP = { key: "whatsapp", burst: 20, everyMs: 125 }

/** Segments on SMS; texts on WhatsApp, which has none. */
export function smsTolls({ target, text }: Pick<Outgoing, "target" | "text">): Toll[] {
  if (isWhatsApp(target)) return [{ ...WHATSAPP, units: 1 }]
  return [{ ...SMS, units: Math.max(1, measure(renderSms(text)).segments) }]
}
