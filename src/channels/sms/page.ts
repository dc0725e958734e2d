/**
 * Pages: a long answer as far as it is worth its money, and the words that bring the rest. Nothing is lost: the pages of a
 * text, one after the other, are the text.
 */
import { measure } from "./segments.ts"

/** Segments of one page. */
const BUDGET = 4
const CLOSING = "\nReply MORE for the rest"

export interface SmsPage {
  text: string
  /** What comes after it, in the same form; empty when that was all. */
  rest: string
}

/** @param body as it would be sent, not Markdown any more */
export function pageOf(body: string): SmsPage {
  if (measure(body).segments <= BUDGET) return { text: body, rest: "" }
  const at = cutAt(body, longest(body))
  return { text: body.slice(0, at).trimEnd() + CLOSING, rest: body.slice(at).trim() }
}

/** Characters that fit a page beside its closing. */
function longest(body: string): number {
  let fits = 0
  for (let step = 1 << 11; step >= 1; step >>= 1) {
    const tried = fits + step
    if (tried < body.length && measure(body.slice(0, tried) + CLOSING).segments <= BUDGET) fits = tried
  }
  return Math.max(1, fits)
}

/** After a line, else after a word, else between two characters. */
function cutAt(body: string, longest: number): number {
  for (const mark of ["\n", " "]) {
    const at = body.lastIndexOf(mark, longest - 1)
    if (at > longest * 0.4) return at + 1
  }
  const splitsPair = /[\ud800-\udbff]/.test(body.charAt(longest - 1))
  return splitsPair && longest > 1 ? longest - 1 : longest
}
