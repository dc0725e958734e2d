/** Twilio's error codes as ours, each with what its reader can do. Source: Twilio's error and warning dictionary. */
interface Failure {
  /** Stable, machine-readable. */
  code: string
  fix?: string
}

const FAILURES: Record<number, Failure> = {
  21211: { code: "bad_number", fix: "Check the number: it must be complete, with its country code." },
  21408: {
    code: "region_off",
    fix: "Allow this country under Messaging geographic permissions in the Twilio console.",
  },
  21606: { code: "bad_sender", fix: "Set TWILIO_NUMBER to a number of this account that can send messages." },
  21608: {
    code: "trial_account",
    fix: "Verify the recipient's number in the Twilio console, or upgrade the trial account.",
  },
  21610: { code: "opted_out", fix: "The person must text START to this number first." },
  21612: { code: "bad_number", fix: "This number cannot be reached from ours." },
  21614: { code: "bad_number", fix: "This number cannot receive text messages." },
  21617: { code: "too_long" },
  30003: { code: "unreachable_phone", fix: "The phone was off or out of reach." },
  30005: { code: "bad_number", fix: "The number is not in use." },
  30006: { code: "bad_number", fix: "The number is a landline, or its carrier takes no text messages." },
  30007: {
    code: "carrier_filtered",
    fix: "The carrier took it for spam: register the sender, and avoid shortened links.",
  },
  30032: { code: "unverified_sender", fix: "Verify the toll-free number in the Twilio console." },
  30034: {
    code: "unregistered_sender",
    fix: "Register the number for A2P 10DLC in the Twilio console, or use another channel.",
  },
  30035: { code: "sender_pending", fix: "The number's registration is still under review." },
  63016: { code: "window_closed", fix: "On WhatsApp the person must write first, at most 24 hours before." },
}

/** The failure behind a code; unknown codes become `twilio_<code>`. */
export function failureOf(code: number | undefined): Failure {
  if (code === undefined) return { code: "undelivered" }
  return FAILURES[code] ?? { code: `twilio_${code}`, fix: `See error ${code} in Twilio's error dictionary.` }
}
