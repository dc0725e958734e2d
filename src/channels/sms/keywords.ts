/** Keywords of a number: what the carrier takes for itself there, and the commands that people text without a slash. */
import { carrierKeyword, type Keyword } from "../carrier-keywords.ts"
import { isWhatsApp } from "./whatsapp.ts"

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
