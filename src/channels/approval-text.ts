/**
 * Approval answers as people type them: `K7 OK`, `no k7`, a bare word, or what to do instead: `K7 edit: to Ben`. Only reads the
 * words; which approval a code or a bare word means is for the table of open ones. What the carrier takes for itself on SMS is
 * never an answer.
 */
import { Limit } from "../base/errors.ts"
import { carrierKeyword } from "./carrier-keywords.ts"
import type { ChannelId } from "./channel.ts"

export interface ApprovalAnswer {
  /** Upper-case handle; absent for a bare word, which counts only while exactly one approval is open. */
  code?: string
  /** `again`: do an effect of unknown outcome once more. `ask`: the person wants to see the question again. `change`: see `words`. */
  verdict: "yes" | "no" | "again" | "ask" | "change"
  /** Of a `change`: what the person wants instead, as typed. */
  words?: string
  /** A code and then other words, without `edit`: an answer only while that code is open, or else it is talk. */
  loose?: true
}

/** Letters and digits that look and sound apart (no I, L, O, S, Z, 0, 1, 2, 5). */
const LETTERS = "ABCDEFGHJKMNPQRTUVWXY"
const DIGITS = "346789"
/** Both: for longer codes that people read from one screen and type on another. */
export const CLEAR_SIGNS = LETTERS + DIGITS

/** A letter and a digit, in either order: such a pair is no word in any command or language. */
const HANDLE = new RegExp(`^(?:[${LETTERS}][${DIGITS}]|[${DIGITS}][${LETTERS}])$`)

const VERDICTS = new Map<string, ApprovalAnswer["verdict"]>([
  ...["OK", "OKAY", "Y", "YES", "APPROVE", "/APPROVE"].map((word) => [word, "yes"] as const),
  ...["NO", "N", "DENY", "/DENY"].map((word) => [word, "no"] as const),
  ...["AGAIN", "REDO"].map((word) => [word, "again"] as const),
  ...["WHY", "SHOW"].map((word) => [word, "ask"] as const),
])

/** Reads a whole message as an answer; null when it is anything else, however close. */
export function readApproval(text: string, channel: ChannelId): ApprovalAnswer | null {
  if (channel === "sms" && carrierKeyword(text) !== null) return null
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
  const [code, word] = HANDLE.test(first) ? [first, second] : [second, first]
  const verdict = VERDICTS.get(word)
  return HANDLE.test(code) && verdict !== undefined ? { code, verdict } : null
}

/** `K7 edit: words`, `edit K7: words`; without a code only with the colon, since "edit my list" is talk. */
function readChange(text: string): ApprovalAnswer | null {
  const [, a, b, words = ""] =
    /^(?:([a-z0-9]{2})[\s,:]+\/?(?:edit|change)\b|\/?(?:edit|change)\s+([a-z0-9]{2})\b)[\s:,]*([\s\S]+)$/i.exec(text) ??
    []
  const code = (a ?? b)?.toUpperCase()
  if (code && HANDLE.test(code)) return { code, verdict: "change", words: words.trim() }
  const [, bare = ""] = /^edit:\s*([\s\S]+)$/i.exec(text) ?? []
  return bare === "" ? null : { verdict: "change", words: bare.trim() }
}

/** `K7 tell Ben instead`; two codes are no sentence. */
function readLoose(text: string): ApprovalAnswer | null {
  const [, code = "", words = ""] = /^(\w{2})[\s,:]+(\S[\s\S]*)$/.exec(text) ?? []
  const isCode = HANDLE.test(code.toUpperCase()) && !HANDLE.test(words.toUpperCase())
  return isCode ? { code: code.toUpperCase(), verdict: "change", words, loose: true } : null
}

function alone(word: string): ApprovalAnswer | null {
  if (HANDLE.test(word)) return { code: word, verdict: "ask" }
  const verdict = VERDICTS.get(word)
  return verdict === undefined || verdict === "ask" || verdict === "again" || word.startsWith("/") ? null : { verdict }
}

const ALL_CODES = [...pairs(LETTERS, DIGITS), ...pairs(DIGITS, LETTERS)]

/**
 * A handle that is not in `taken`: letter before digit (`K7`) while there is one. `random` gives a number in [0, 1).
 * Throws `Limit` when all 252 are taken.
 */
export function newCode(random: () => number, taken: ReadonlySet<string>): string {
  const free = ALL_CODES.filter((code) => !taken.has(code))
  const usual = free.filter((code) => LETTERS.includes(code.charAt(0)))
  const choice = usual.length > 0 ? usual : free
  const code = choice[Math.floor(random() * choice.length)]
  if (code === undefined)
    throw new Limit("approvals", "too many approvals are open", { fix: "Answer some of them first." })
  return code
}

function pairs(first: string, second: string): string[] {
  return [...first].flatMap((a) => [...second].map((b) => `${a}${b}`))
}
