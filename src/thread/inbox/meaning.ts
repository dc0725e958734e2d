/**
 * Meaning: what the words of a message are to us. They are read here, once, at the inbox; what was read is carried on in
 * the row's payload to the approvals, the thread and the commands.
 *
 * M1 Nobody else reads words for their meaning: a second reader would one day read them differently.
 * M2 The first that fits counts: the carrier's keyword, a command, an answer to an approval, words. The carrier has acted
 *    on its keyword already, and a slash is never an answer.
 * M3 A word that a carrier takes for itself answers no approval by SMS: the person meant the carrier.
 * M4 What is read is what the person wrote. A heading (a mail's subject) never hides a command or an answer below it.
 */
import { z } from "zod"
import { withMentions } from "../../channels/attachment.ts"
import type { Inbound, Keyword } from "../../channels/channel.ts"
import { type ApprovalAnswer, approvalAnswer, readAnswer } from "../approvals/answer-text.ts"

export const meaningSchema = z.discriminatedUnion("kind", [
  /** The carrier's own word: it switches sending off or on, and no run begins. */
  z.object({ kind: z.literal("keyword"), keyword: z.enum(["stop", "start", "help"]) }),
  /** What begins with a slash: the name in lower case, and what follows it. It runs in order like a message, by code. */
  z.object({ kind: z.literal("command"), name: z.string(), rest: z.string() }),
  /** An answer to an approval, if one is open that it fits. */
  z.object({ kind: z.literal("approval"), answer: approvalAnswer }),
  /** Everything else: for the model. */
  z.object({ kind: z.literal("words") }),
])
export type Meaning = z.output<typeof meaningSchema>
type Command = Extract<Meaning, { kind: "command" }>

export const WORDS: Meaning = { kind: "words" }

/** A message as its channel parsed it, with the facts that the channel knows. */
export type ParsedMessage = Pick<Inbound, "channel" | "text" | "alone" | "carrier" | "attachments">

export interface ReadWords {
  meaning: Meaning
  /** What the person wrote: without the heading where that would hide the meaning, a spoken command with its slash. */
  words: string
  /** The words as people and later turns read them, with a note for each attachment; a command is the words alone. */
  text: string
}

/** Reads a message. Pure: the same message means the same on every day and in every process. */
export function readWords({ channel, text: whole, alone, carrier, attachments = [] }: ParsedMessage): ReadWords {
  const text = alone && standsAlone(alone.words) ? alone.text : whole // M4
  const keyword = carrier && (carrier.took ?? keywordFor(text, carrier.by))
  const words = carrier ? withSlash(text) : text
  if (keyword) return { meaning: { kind: "keyword", keyword }, words, text: words } // M2
  const command = readCommand(words)
  if (command) return { meaning: command, words, text: words }
  const shown = attachments.length === 0 ? words : withMentions(words, attachments)
  const isTaken = channel === "sms" && carrierKeyword(shown) !== null // M3
  const answer = isTaken ? null : readAnswer(shown)
  return { meaning: answer ? { kind: "approval", answer } : WORDS, words, text: shown }
}

/** `/stop` acts at once, while a run works. */
export function isStop(meaning: Meaning): boolean {
  return meaning.kind === "command" && meaning.name === "stop"
}

/** `/name@bot` is the same; a path is none. */
function readCommand(text: string): Command | null {
  const [, name, rest = ""] = /^\/([a-z]\w*)(?:@\w+)?(?:\s+([\s\S]*))?$/i.exec(text.trim()) ?? []
  return name === undefined ? null : { kind: "command", name: name.toLowerCase(), rest }
}

/** A command, a single word or an answer: a heading before it would make mere words of it. */
function standsAlone(text: string): boolean {
  if (/^(?:\/|\S+$)/.test(text)) return true
  const answer: ApprovalAnswer | null = readAnswer(text)
  return answer !== null && !answer.loose
}

/** Commands as people text them to a number: HELP is the carrier's, so `COMMANDS` and `?` are ours. */
const SPOKEN = new Map([
  ["MORE", "/more"],
  ["COMMANDS", "/help"],
  ["?", "/help"],
])

/** Only a whole message counts. */
function withSlash(text: string): string {
  const word = text
    .trim()
    .toUpperCase()
    .replace(/[.!]+$/, "")
  return SPOKEN.get(word) ?? text
}

/** Texts that Twilio and the carriers act on themselves. Source: Twilio, "Support for opt-out keywords", and the carriers' additions. */
const CARRIERS_OWN: Record<Keyword, readonly string[]> = {
  stop: ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REMOVE", "OPTOUT", "REVOKE", "ARRET"],
  start: ["START", "YES", "UNSTOP"],
  help: ["HELP", "INFO"],
}

const KEYWORDS = new Map<string, Keyword>([
  ...CARRIERS_OWN.stop.map((word) => [word, "stop"] as const),
  ...CARRIERS_OWN.start.map((word) => [word, "start"] as const),
  ...CARRIERS_OWN.help.map((word) => [word, "help"] as const),
])

/** Only a whole message counts, in any case. */
function carrierKeyword(text: string): Keyword | null {
  const word = text
    .trim()
    .replace(/[.!]+$/, "")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toUpperCase()
  return KEYWORDS.get(word) ?? null
}

/** On WhatsApp there is no carrier: the words that switch sending off and on keep their meaning, and all others are ours. */
function keywordFor(text: string, by: "phone" | "whatsapp"): Keyword | null {
  const keyword = carrierKeyword(text)
  if (by === "phone" || keyword === "stop") return keyword
  return keyword === "start" && !/yes/i.test(text) ? keyword : null
}
