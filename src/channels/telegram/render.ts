/**
 * Telegram renderer: writes Markdown as Telegram's HTML subset, in parts that Telegram accepts. Every part is well-formed by
 * itself: a cut inside bold text or a code block closes its tags and opens them again. No character is lost at a cut.
 *
 * Limits: 4,096 UTF-16 units after entity parsing (Bot API, sendMessage); the server truncates raw text above 35,000 bytes.
 */

import { escaped, isLinkable, toHtml } from "../html.ts"
import type { Run } from "../markdown.ts"
import { plainText, readMarkdown, spellLinks } from "../markdown.ts"

/** UTF-16 units of visible text in one part. */
const MAX_TEXT = 4000
/** Bytes of markup in one part. */
const MAX_BYTES = 30_000
/** Share of a full part. A better place for a cut is taken only after it, because earlier cuts would make too many parts. */
const EARLIEST = 0.4

export interface Part {
  html: string
  /** The same words without markup, for the case that Telegram cannot read the markup. */
  plain: string
}

/** Renders for `parse_mode: HTML`. The list is empty when there is nothing to see. */
export function renderTelegram(markdown: string): Part[] {
  return splitRuns(spellLinks(readMarkdown(markdown), (href) => !isLinkable(href)))
    .map((runs) => ({ html: toHtml(runs).trim(), plain: plainOf(runs) }))
    .filter((part) => part.plain !== "")
}

/** Cuts runs into parts of at most `MAX_TEXT` units and `MAX_BYTES` of markup. The joined parts are the given runs. */
export function splitRuns(runs: Run[]): Run[][] {
  const parts: Run[][] = []
  let rest = runs.filter((run) => run.text !== "")
  while (rest.length > 0) {
    const room = roomIn(rest)
    const [head, tail] = cut(rest, room === Number.POSITIVE_INFINITY ? room : bestCut(rest, room))
    parts.push(head)
    rest = tail
  }
  return parts
}

/** How many units of `runs` fit in one part; infinite when all of them fit. */
function roomIn(runs: Run[]): number {
  let units = 0
  let bytes = 0
  for (const run of runs) {
    const shell = Buffer.byteLength(toHtml([{ ...run, text: "" }]))
    for (const character of run.text) {
      const cost = Buffer.byteLength(escaped(character))
      if (units > 0 && (units + character.length > MAX_TEXT || bytes + shell + cost > MAX_BYTES)) return units
      units += character.length
      bytes += cost
    }
    bytes += shell
  }
  return Number.POSITIVE_INFINITY
}

/** The best place for a cut, at or before `room`: between blocks, else lines, sentences, words, characters. */
function bestCut(runs: Run[], room: number): number {
  const text = runs
    .map((run) => run.text)
    .join("")
    .slice(0, room)
  for (const mark of ["\n\n", "\n", ". ", " "]) {
    const at = text.lastIndexOf(mark)
    if (at > room * EARLIEST) return at + mark.length
  }
  return room
}

function cut(runs: Run[], at: number): [Run[], Run[]] {
  const head: Run[] = []
  const tail: Run[] = []
  let left = at
  for (const run of runs) {
    const taken = run.text.slice(0, left)
    const kept = run.text.slice(taken.length)
    if (taken !== "") head.push({ ...run, text: taken })
    if (kept !== "") tail.push({ ...run, text: kept })
    left -= taken.length
  }
  return [head, tail]
}

function plainOf(runs: Run[]): string {
  const spelled = plainText(spellLinks(runs, isLinkable)).trim()
  return spelled.length <= MAX_TEXT ? spelled : plainText(runs).trim()
}
