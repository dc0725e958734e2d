/**
 * Answer text: answers to approvals as people type them: `K7 OK`, `no k7`, a bare word, or what to do instead:
 * `K7 edit: to Ben`. This file knows the grammar alone. Which words of a message may be an answer at all is for
 * `inbox/meaning.ts`, its only caller; which approval an answer decides is for `decide.ts`.
 */
import { z } from "zod"
import { isCode } from "./code.ts"

export const approvalAnswer = z.object({
  /** In upper case. A bare word has none: it counts only while exactly one approval is open. */
  code: z.string().optional(),
  /** `again`: do an effect of unknown outcome once more. `ask`: the person wants to see the approval again. `change`: see `words`. */
  verdict: z.enum(["yes", "no", "again", "ask", "change"]),
  /** Of a `change`: what the person wants instead, as typed. */
  words: z.string().optional(),
  /** A code and then other words, without `edit`: an answer only while that code is open, or else it is talk. */
  loose: z.literal(true).optional(),
})
export type ApprovalAnswer = z.output<typeof approvalAnswer>

const VERDICTS = new Map<string, ApprovalAnswer["verdict"]>([
  ...["OK", "OKAY", "Y", "YES", "APPROVE", "/APPROVE"].map((word) => [word, "yes"] as const),
  ...["NO", "N", "DENY", "/DENY"].map((word) => [word, "no"] as const),
  ...["AGAIN", "REDO"].map((word) => [word, "again"] as const),
  ...["WHY", "SHOW"].map((word) => [word, "ask"] as const),
])

/** Reads a whole message as an answer; null when it is anything else, however close. */
export function readAnswer(text: string): ApprovalAnswer | null {
  const change = readChange(text.trim())
  if (change) return change
  const words = text
    .trim()
    .toUpperCase()
    .replace(/[.!]+$/, "")
    .split(/[\s,:]+/)
  const [first = "", second] = words
  if (words.length === 1) return alone(first)
  const decided = words.length === 2 && second !== undefined ? decision(first, second) : null
  return decided ?? readLoose(text.trim())
}

function decision(first: string, second: string): ApprovalAnswer | null {
  const [code, word] = isCode(first) ? [first, second] : [second, first]
  const verdict = VERDICTS.get(word)
  return isCode(code) && verdict !== undefined ? { code, verdict } : null
}

/** `K7 edit: words`, `edit K7: words`; without a code only with the colon, since "edit my list" is talk. */
function readChange(text: string): ApprovalAnswer | null {
  const [, a, b, words = ""] =
    /^(?:([a-z0-9]{2})[\s,:]+\/?(?:edit|change)\b|\/?(?:edit|change)\s+([a-z0-9]{2})\b)[\s:,]*([\s\S]+)$/i.exec(text) ??
    []
  const code = (a ?? b)?.toUpperCase()
  if (code && isCode(code)) return { code, verdict: "change", words: words.trim() }
  const [, bare = ""] = /^edit:\s*([\s\S]+)$/i.exec(text) ?? []
  return bare === "" ? null : { verdict: "change", words: bare.trim() }
}

/** `K7 tell Ben instead`; two codes are no sentence. */
function readLoose(text: string): ApprovalAnswer | null {
  const [, code = "", words = ""] = /^(\w{2})[\s,:]+(\S[\s\S]*)$/.exec(text) ?? []
  const isLoose = isCode(code.toUpperCase()) && !isCode(words.toUpperCase())
  return isLoose ? { code: code.toUpperCase(), verdict: "change", words, loose: true } : null
}

function alone(word: string): ApprovalAnswer | null {
  if (isCode(word)) return { code: word, verdict: "ask" }
  const verdict = VERDICTS.get(word)
  return verdict === undefined || verdict === "ask" || verdict === "again" || word.startsWith("/") ? null : { verdict }
}
