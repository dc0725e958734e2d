/**
 * The carrier's words: single-word texts that Twilio and the carriers act on themselves. They are never ours: no
 * command, no approval, no talk. Source: Twilio, "Support for opt-out keywords" and the carriers' additions.
 */
export type Keyword = "stop" | "start" | "help"

const WORDS: Record<Keyword, readonly string[]> = {
  stop: ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REMOVE", "OPTOUT", "REVOKE", "ARRET"],
  start: ["START", "YES", "UNSTOP"],
  help: ["HELP", "INFO"],
}

const KEYWORDS = new Map<string, Keyword>([
  ...WORDS.stop.map((word) => [word, "stop"] as const),
  ...WORDS.start.map((word) => [word, "start"] as const),
  ...WORDS.help.map((word) => [word, "help"] as const),
])

/** What the carrier does with `text`, or null when it leaves it to us. Only a whole message counts, in any case. */
export function carrierKeyword(text: string): Keyword | null {
  const word = text
    .trim()
    .replace(/[.!]+$/, "")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toUpperCase()
  return KEYWORDS.get(word) ?? null
}
