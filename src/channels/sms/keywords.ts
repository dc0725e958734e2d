/**
 * The carrier's words: single-word texts that Twilio and the carriers act on themselves. They are never ours: no
 * command, no approval, no talk. Source: Twilio, "Support for opt-out keywords" and the carriers' additions.
 */
import { isWhatsApp } from "./whatsapp.ts"

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

const SPOKEN = new Map([
  ["MORE", "/more"],
  ["COMMANDS", "/help"],
  ["?", "/help"],
])

/** Commands as people text them: HELP is the carrier's, so `COMMANDS` and `?` are ours. Only a whole message counts. */
export function spoken(text: string): string {
  const word = text
    .trim()
    .toUpperCase()
    .replace(/[.!]+$/, "")
  return SPOKEN.get(word) ?? text
}

/**
 * The keyword in a text of `from`. On WhatsApp there is no carrier: the words that switch sending off and on keep their
 * meaning, and all others are ours.
 */
export function keywordIn(text: string, from: string): Keyword | null {
  const keyword = carrierKeyword(text)
  if (!isWhatsApp(from) || keyword === "stop") return keyword
  return keyword === "start" && !/yes/i.test(text) ? keyword : null
}
