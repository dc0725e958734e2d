/**
 * Failures: Twilio's error codes as our codes, each with what its reader can do. Source: Twilio's error and warning
 * dictionary.
 */
export interface Failure {
  /** Stable, machine-readable. */
  code: string
  fix?: string
}

/** The fix for a sender whose messages the carriers of the United States refuse. */
const UNREGISTERED_FIX =
  "Register the number for A2P 10DLC in the Twilio console (a business use; personal use is refused with 30532), or use Telegram or a number of another country."

/** Every Twilio code that has a fix of its own. */
export const FAILURES: Readonly<Record<number, Failure>> = {
  21211: { code: "bad_number", fix: "Check the number: it must be complete, with its country code." },
  21408: {
    code: "region_off",
    fix: "Allow this country under Messaging geographic permissions in the Twilio console.",
  },
  21603: { code: "bad_sender", fix: "Set TWILIO_NUMBER to a number of this account that can send messages." },
  21606: { code: "bad_sender", fix: "Set TWILIO_NUMBER to a number of this account that can send messages." },
  21608: {
    code: "trial_account",
    fix: "Verify the recipient's number in the Twilio console, or upgrade the trial account.",
  },
  21609: { code: "bad_callback", fix: "PUBLIC_URL must be an address that Twilio can reach." },
  21610: { code: "opted_out", fix: "The person must text START to this number first." },
  21611: { code: "queue_full", fix: "Too many messages of this number wait at Twilio: send less, or later." },
  21612: { code: "bad_number", fix: "This number cannot be reached from ours." },
  21614: { code: "bad_number", fix: "This number cannot receive text messages." },
  21617: { code: "too_long", fix: "Shorten the text to 1,600 characters." },
  21703: { code: "bad_sender", fix: "Add a number to the Messaging Service in the Twilio console." },
  30001: { code: "queue_full", fix: "Too many messages of this number wait at Twilio: send less, or later." },
  30002: { code: "account_suspended", fix: "Open the Twilio console: the account is suspended." },
  30003: { code: "unreachable_phone", fix: "The phone was off or out of reach." },
  30004: { code: "phone_blocks", fix: "The phone or its carrier blocks messages of this number." },
  30005: { code: "bad_number", fix: "The number is not in use." },
  30006: { code: "bad_number", fix: "The number is a landline, or its carrier takes no text messages." },
  30007: {
    code: "carrier_filtered",
    fix: "The carrier took it for spam: register the sender, and avoid shortened links.",
  },
  30008: { code: "unknown_failure", fix: "The carrier gave no reason: try again later, or another way." },
  30022: { code: "rate_limited", fix: "The registered campaign's rate is used up: send less, or later." },
  30023: { code: "rate_limited", fix: "The registered campaign's messages of the day are used up until tomorrow." },
  30032: { code: "unverified_sender", fix: "Verify the toll-free number in the Twilio console." },
  30033: { code: "campaign_suspended", fix: "Open the Twilio console: the A2P 10DLC campaign is suspended." },
  30034: { code: "unregistered_sender", fix: UNREGISTERED_FIX },
  30035: { code: "sender_pending", fix: "The number's registration is still under review." },
  30036: { code: "expired", fix: "It waited at Twilio until it was stale." },
  30532: { code: "personal_use", fix: UNREGISTERED_FIX },
  63003: { code: "bad_number", fix: "This number is not on WhatsApp." },
  63007: { code: "bad_sender", fix: "Set TWILIO_WHATSAPP_NUMBER to a WhatsApp sender of this account." },
  63015: {
    code: "trial_account",
    fix: "The person must join the WhatsApp sandbox first, with the words in the console.",
  },
  63016: { code: "window_closed", fix: "On WhatsApp the person must write first, at most 24 hours before." },
  63018: { code: "rate_limited", fix: "WhatsApp takes no more messages of this sender now: send less, or later." },
  63024: { code: "bad_number", fix: "This number is not on WhatsApp." },
}

/** The failure that a Twilio code means. An unknown code becomes `twilio_<code>`, no code becomes `undelivered`. */
export function sendFailure(code: number | undefined): Failure {
  if (code === undefined) return { code: "undelivered" }
  return FAILURES[code] ?? { code: `twilio_${code}`, fix: `See error ${code} in Twilio's error dictionary.` }
}
