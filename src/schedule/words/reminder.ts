/**
 * Reminder: separates the text from the time in one sentence ("call mum tomorrow at 9"). The time is the longest beginning
 * or end of the sentence that `parseWhen` understands. When there is none, no time is made up.
 */
import type { Here } from "./one-off.ts"
import { parseWhen, type When } from "./phrase.ts"

export interface Reminder {
  what: string
  /** The words about the time, unchanged. */
  when: string
  parsed: When
}

/** Words of a time at one end of a sentence. */
const MOST_WORDS = 24
/** Words of a time at each end, when it stands at both. */
const MOST_ENDING = 5
const ASKING = /^(?:please |can you |could you )*(?:remind me|set a reminder|reminder|remember me)\b[: ]*/i
const JOINING = /^(?:to|that|about|of|for|i (?:have|need) to)\s+|^[,:;-]\s*/i
const PLEASE = /,? (?:please|thanks|thank you)[.!]*$/i
const BEGINS_TIME =
  /^(?:at|on|in|by|every|each|the|this|next|a|an|to(?:day|night|morrow)|noon|midnight|half|quarter|daily|hourly|weekly|monthly|yearly|annually|fortnightly|alternate|week(?:day|end)s?|mornings?|afternoons?|evenings?|nights?|first|second|third|fourth|last|day|\d.*|(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty)\b/i

/** Words that name a day. When they are left in the text, a time without a day ("at 9") would be put on the wrong day. */
const NAMES_DAY =
  /\b(?:today|tonight|tomorrow|yesterday|daily|weekly|monthly|every|each|week(?:day|end)s?|next (?:week|month|year)|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|\d+(?:st|nd|rd|th)|(?:january|february|april|june|july|august|september|october|november|december))\b/i

/**
 * Splits a sentence. Null when no part of it is a time that is understood, when it has only a time, or when words about the
 * day are left over.
 */
export async function splitReminder(text: string, here: Here): Promise<Reminder | null> {
  const sentence = text.trim().replace(ASKING, "").replace(PLEASE, "")
  const words = sentence.split(/\s+/)
  if (!("problem" in (await parseWhen(sentence, here)))) return null
  for (let size = Math.min(words.length - 1, MOST_WORDS); size >= 1; size -= 1) {
    for (const start of [0, words.length - size]) {
      const found = await reminderAt(words, start, size, here)
      if (found !== null) return dayLeftOut(found) ? aroundWhat(words, here) : found
    }
  }
  return null
}

/** Splits a sentence that has the day at one end and the time at the other: "tomorrow call mum at 9". */
async function aroundWhat(words: string[], here: Here): Promise<Reminder | null> {
  for (const [first, last] of ends(words.length)) {
    const when = [...words.slice(0, first), ...words.slice(last)].join(" ")
    const parsed = BEGINS_TIME.test(when) ? await parseWhen(when, here) : null
    if (parsed === null || "problem" in parsed) continue
    const what = whatOf(words.slice(first, last))
    return what === "" || NAMES_DAY.test(what) ? null : { what, when, parsed }
  }
  return null
}

/**
 * The ways to take words off both ends: the number of words at the front, and the place where the back begins. The
 * longest come first.
 */
function ends(length: number): [number, number][] {
  const counts = Array.from({ length: MOST_ENDING }, (_, index) => MOST_ENDING - index)
  const pairs = counts.flatMap((back) => counts.map((front): [number, number] => [front, length - back]))
  return pairs.filter(([front, last]) => front < last)
}

async function reminderAt(words: string[], start: number, size: number, here: Here): Promise<Reminder | null> {
  const when = words
    .slice(start, start + size)
    .join(" ")
    .replace(/[,:;]$/, "")
  if (!BEGINS_TIME.test(when)) return null
  const parsed = await parseWhen(when, here)
  if ("problem" in parsed) return null
  const what = start === 0 ? whatOf(words.slice(size)) : whatOf(words.slice(0, start)).replace(/ (?:by|on|at)$/, "")
  return what === "" ? null : { what, when, parsed }
}

function dayLeftOut({ what, when }: Reminder): boolean {
  return NAMES_DAY.test(what) && !NAMES_DAY.test(when)
}

function whatOf(words: string[]): string {
  return words
    .join(" ")
    .replace(JOINING, "")
    .replace(/[,;:]+$/, "")
    .trim()
}
