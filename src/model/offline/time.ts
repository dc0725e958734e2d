/**
 * Offline time: finds the words about a time in a sentence and passes them on unchanged. The schedule room decides which
 * instant they mean, because it knows the person's zone.
 */
import { type ParsedResult, parse } from "chrono-node/en"

export interface WhenFound {
  /** The person's own phrase: `tomorrow at 9`, `every weekday at 8am`. */
  when: string
  /** The sentence without the phrase. */
  rest: string
  /** Whether the sentence began with the phrase. */
  leads: boolean
}

/** Characters. A longer text is prose, not a command. */
const MAX_CHARS = 1_000
/** Only positions and words are read from the parse, so the reference instant changes nothing. */
const REFERENCE = new Date(0)

/** Takes a single time out of a sentence: `in 20 minutes`, `tomorrow at 9`, `on Friday`. */
export function takeWhen(text: string): WhenFound | undefined {
  if (text.length > MAX_CHARS) return undefined
  // "10 minutes before the meeting" depends on an event whose time is unknown here.
  const spans = parse(text, REFERENCE).filter((span) => !/\b(?:before|after|ago|earlier|prior)$/i.test(span.text))
  const [first] = spans
  const last = spans.at(-1)
  if (first === undefined || last === undefined) return undefined
  const opening = widened(text, first)
  const closing = widened(text, last)
  if (opening.from > 0) return without(text, [closing])
  return first !== last && completes(first, last) ? without(text, [opening, closing]) : without(text, [opening])
}

interface Span {
  from: number
  to: number
}

/**
 * The span with the small words before it, which the parser leaves out of some phrases ("at noon", "day after tomorrow").
 */
function widened(text: string, span: ParsedResult): Span {
  const before = /(?:\b(?:the\s+)?day\s+after\s+|\b(?:later|by|at|on|in|around|before)\s+|@\s*)+$/i
  const lead = before.exec(text.slice(0, span.index))?.[0] ?? ""
  return { from: span.index - lead.length, to: span.index + span.text.length }
}

/** Whether two spans are one instant: a day without an hour and an hour without a day ("on Friday … at 5pm"). */
function completes(day: ParsedResult, hour: ParsedResult): boolean {
  const dated = (span: ParsedResult) => span.start.isCertain("day") || span.start.isCertain("weekday")
  return !day.start.isCertain("hour") && hour.start.isCertain("hour") && dated(day) && !dated(hour)
}

function without(text: string, spans: Span[]): WhenFound {
  let rest = text
  for (const { from, to } of spans.toReversed()) rest = `${rest.slice(0, from)} ${rest.slice(to)}`
  const when = spans.map(({ from, to }) => text.slice(from, to).trim()).join(" ")
  return { when, rest: rest.replace(/\s+/g, " ").trim(), leads: spans[0]?.from === 0 }
}

const DAY = "(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:days?)?"
const UNIT = `(?:min(?:ute)?s?|hours?|hrs?|days?|weekdays?|work(?:ing)? ?days?|weekends?|weeks?|fortnights?|months?|years?|mornings?|afternoons?|evenings?|nights?|${DAY})\\b`
const COUNT = "(?:other|second|third|first|last|two|three|four|five|six|\\d{1,3}(?:st|nd|rd|th)?)"
const UNITS = `${UNIT}(?:(?:\\s*,\\s*(?:and\\s+)?|\\s+and\\s+|\\s*&\\s*)(?:every\\s+)?${UNIT})*`
const CLOCK =
  "(?:\\d{1,2}(?:[:.]\\d{2})?(?:\\s*(?:[ap]\\.?m\\b\\.?|o'clock\\b))?(?![\\w/])|noon\\b|midnight\\b|midday\\b)"
const AT = `(?:at|@|around|by)\\s*${CLOCK}(?:(?:\\s*,\\s*|\\s+and\\s+|\\s*&\\s*)(?:at\\s+)?${CLOCK})*`
const PLURAL_DAYS = `on\\s+(?:weekdays|weekends|(?:mon|tues|wednes|thurs|fri|satur|sun)days)\\b(?:(?:\\s*,\\s*|\\s+and\\s+)(?:mon|tues|wednes|thurs|fri|satur|sun)days\\b)*`
const EVERY = `(?:\\b(?:every|each)\\s+(?:${COUNT}\\s+)?${UNITS}|\\b(?:daily|hourly|weekly|monthly|nightly|yearly)\\b|\\b${PLURAL_DAYS})`
const DETAIL = `(?:on\\s+${UNITS}|in\\s+the\\s+(?:morning|afternoon|evening)\\b|on\\s+the\\s+\\d{1,2}(?:st|nd|rd|th)\\b|of\\s+(?:the|each|every)\\s+month\\b|${AT})`
const OF = "(?:\\b(?:on\\s+)?the\\s+(?:\\d{1,2}(?:st|nd|rd|th)|first|last)(?:\\s+(?:working\\s+)?day)?\\s+of\\s+)"
const RECURRENCE = new RegExp(`(?:\\b${AT}\\s+)?${OF}?${EVERY}(?:,?\\s+${DETAIL})*`, "i")

/** Takes a repetition out of a sentence: `every weekday at 8am`, `daily at 7:30`, `at 9 every Monday and Friday`. */
export function takeRecurrence(text: string): WhenFound | undefined {
  if (text.length > MAX_CHARS) return undefined
  const match = RECURRENCE.exec(text)
  return match === null ? undefined : without(text, [{ from: match.index, to: match.index + match[0].length }])
}
