/**
 * Page: the first part of a long answer, with a line that says how to get the rest. Text messages are paid by the segment, so
 * the rest is sent only when the person asks for it. Nothing is lost: the pages of a text, one after the other, are the text.
 */
import { measure } from "./segments.ts"

/** Segments in one page. */
const BUDGET = 4
const CLOSING = "\nReply MORE for the rest"

export interface SmsPage {
  text: string
  /** The text after this page; empty when this is the last page. */
  rest: string
}

/**
 * The first page of a text.
 * @param body the rendered text, not Markdown
 */
export function pageOf(body: string): SmsPage {
  if (measure(body).segments <= BUDGET) return { text: body, rest: "" }
  const at = cutAt(body, longest(body))
  return { text: body.slice(0, at).trimEnd() + CLOSING, rest: body.slice(at).trim() }
}

/** How many characters fit in a page together with its closing line. */
function longest(body: string): number {
  let fits = 0
  for (let step = 1 << 11; step >= 1; step >>= 1) {
    const longer = fits + step
    if (longer < body.length && measure(body.slice(0, longer) + CLOSING).segments <= BUDGET) fits = longer
  }
  return Math.max(1, fits)
}

/** Where to cut: after a line, else after a word, else between two characters. */
function cutAt(body: string, longest: number): number {
  for (const mark of ["\n", " "]) {
    const at = body.lastIndexOf(mark, longest - 1)
    if (at > longest * 0.4) return at + 1
  }
  const splitsPair = /[\ud800-\udbff]/.test(body.charAt(longest - 1))
  return splitsPair && longest > 1 ? longest - 1 : longest
}
