/**
 * Phrase: turns words about a time into a recurrence, or into a problem that says how to name the time. Nothing is guessed:
 * one word that is not understood fails the whole phrase. The result contains what was understood in words, so that the
 * caller can tell the person.
 */

import { next, type Recurrence } from "../recurrence/recurrence.ts"
import { localDay, zoned, zoneOf } from "../recurrence/zone.ts"
import { daysOf, repeats } from "./days.ts"
import { dayOf, type Here, momentOf } from "./one-off.ts"
import { type Plan, recurrenceOf } from "./plan.ts"
import type { PhraseProblem } from "./problem.ts"
import { sentenceOf } from "./sentence.ts"
import { takeTimes } from "./time-of-day.ts"

export interface When {
  recurrence: Recurrence
  /** What was understood, in words: "weekdays at 8:00 AM, New York time". */
  sentence: string
  /** The zone of the recurrence: the zone that the phrase names ("at 9 Lisbon time"), else the person's. */
  zone: string
}

/** Characters of a phrase. */
const LONGEST = 200
const NUMBERS = new Map(
  Object.entries({
    ...{ one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10, eleven: 11 },
    ...{ twelve: 12, fifteen: 15, twenty: 20, thirty: 30, forty: 40, fifty: 50, sixty: 60, ninety: 90 },
  }),
)

/** Rewrites everyday expressions into the forms that the tables know; applied in order to lower-case text. */
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/[\u2018\u2019]/g, "'"],
  [/[\u2010-\u2015]/g, "-"],
  [/\b([ap])\.m\b\.?/g, "$1m"],
  [/[.!?,;]+$/g, ""],
  [/^please /g, ""],
  [/ ?o'?clock\b/g, ""],
  [/\b(\d{4}-\d\d-\d\d)t(\d\d:\d\d)(?::00(?:\.0+)?)?\b/g, "$1 $2"],
  [/\bhalf past (\d{1,2})\b/g, "$1:30"],
  [/\bquarter past (\d{1,2})\b/g, "$1:15"],
  [/\b(?:an? hour and a half|1 and a half hours)\b/g, "90 minutes"],
  [/\bhalf (?:an? )?hours?\b/g, "30 minutes"],
  [/\bquarter of an hour\b/g, "15 minutes"],
  [/\b(in|and) an? (?=[a-z]+)/g, "$1 1 "],
  [/^an? (?=[a-z]+ from now)/g, "1 "],
  [/\b(\d+) fortnights?\b/g, "$1 fortnight"],
  [/\b1 fortnight\b/g, "2 weeks"],
  [/\btonight\b/g, "today night"],
  [/\bthis (morning|afternoon|evening)\b/g, "today $1"],
  [/^(.*)\b(morning|afternoon|evening|night)s\b/g, "every $1$2"],
  [/\bevery (?:every|each)\b/g, "every"],
  [/\s+/g, " "],
]

/** Expressions that are understood and refused, with what to say instead. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [
    /\b(?:except|excluding|unless|holidays?|business days?)\b|\b(?:but|if) not\b|\bother than\b/,
    "Exceptions such as holidays cannot be scheduled. Name the days it should run, and skip a single run when it comes up.",
  ],
  [
    /\bbetween\b|\bduring\b|\bfrom \d/,
    'A span of hours cannot be scheduled. List the times: "weekdays at 9 am, 12 pm and 3 pm".',
  ],
  [
    /\bsun(?:rise|set)\b|\bdawn\b|\bdusk\b/,
    'The sun\'s times are not known here. Name a time of day: "every day at 7 pm".',
  ],
  [/\b(?:once|twice|\d+ times|1 time) (?:a|per|every) /, 'At which times? For example: "every day at 9 am and 5 pm".'],
  [/\bbi-?weekly\b/, 'That can mean twice a week or every two weeks. Say "every other week on Friday at 9 am".'],
  [
    /\b(?:ago|yesterday)\b|\blast (?!day|weekday|workday)\w+(?! (?:of|in))\b(?! of| in)/,
    "That moment has passed. Name one that is still to come.",
  ],
]

/** Reads `phrase` as a person in `zone` says it at `now`. Never throws, whatever the phrase. */
export async function parseWhen(phrase: string, here: Here): Promise<When | PhraseProblem> {
  if (phrase.length > LONGEST) return notUnderstood(`${phrase.slice(0, 40)}...`)
  const instant = exactInstant(phrase.trim())
  if (instant !== null) return settled(instant, here)
  const { text, zone } = takeZone(normalised(phrase), here.zone)
  const there = { now: here.now, zone }
  const refused = REFUSED.find(([pattern]) => pattern.test(text))
  if (refused !== undefined) return { problem: refused[1] }
  const found = repeats(text) ? await repeating(text, there) : await once(text, there)
  if (found === null) return (await suggestion(text, there)) ?? notUnderstood(phrase)
  return "problem" in found ? found : settled(found, there)
}

function settled(recurrence: Recurrence, { now, zone }: Here): When | PhraseProblem {
  if (next(recurrence, now, zone) === null)
    return { problem: "That would never happen from now on. Name a moment that is still to come." }
  return { recurrence, sentence: sentenceOf(recurrence, zone), zone }
}

/**
 * The problem with a phrase that "every" would make understood ("mon, wed at 7pm"): it suggests the word instead of
 * assuming it.
 */
async function suggestion(text: string, here: Here): Promise<PhraseProblem | null> {
  const meant = await repeating(`every ${text}`, here)
  if (meant === null || "problem" in meant) return null
  return { problem: `If it should repeat, say "every ${text}".` }
}

function notUnderstood(phrase: string): PhraseProblem {
  return {
    problem: `I did not understand "${phrase.trim()}" as a time. Try "tomorrow at 9 am", "in 20 minutes" or "every weekday at 8 am".`,
  }
}

function normalised(phrase: string): string {
  const lower = phrase.toLowerCase().replace(/\s+/g, " ").trim()
  const spelled = lower.replace(
    /\b(twenty|thirty|forty|fifty)[ -](one|two|three|four|five|six|seven|eight|nine)\b/g,
    (_, ten, unit) => String((NUMBERS.get(ten) ?? 0) + (NUMBERS.get(unit) ?? 0)),
  )
  const digits = spelled.replace(/\b[a-z]+\b/g, (word) => String(NUMBERS.get(word) ?? word))
  const quarters = digits.replace(
    /\bquarter to (\d{1,2})\b/g,
    (_, hour) => `${hour === "1" ? 12 : Number(hour) - 1}:45`,
  )
  return REWRITES.reduce((text, [from, to]) => text.replace(from, to), quarters).trim()
}

function exactInstant(text: string): Recurrence | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/i.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : { kind: "once", at: new Date(at).toISOString() }
}

/** Takes the name of a zone off the end of a phrase: "... lisbon time", "... in new york", "... pst". */
function takeZone(text: string, zone: string): { text: string; zone: string } {
  const words = text.replace(/ time$/, "").split(" ")
  const named = text.endsWith(" time")
  for (let count = Math.min(4, words.length - 1); count >= 1; count -= 1) {
    const name = words.slice(-count).join(" ").replace(/^in /, "")
    const before = words.slice(0, -count).join(" ")
    const introduced = named || words.at(-count) === "in" || /^(?:[a-z]{2,4}t|utc|[a-z]+\/[a-z_/]+)$/.test(name)
    const found = introduced && !/^\d/.test(name) ? zoneOf(name) : null
    if (found !== null) return { text: before.replace(/,$/, "").replace(/ in$/, ""), zone: found }
  }
  return { text, zone }
}

async function once(text: string, here: Here): Promise<Recurrence | PhraseProblem | null> {
  const times = takeTimes(text)
  if ("problem" in times) return times
  const at = await momentOf(times, here)
  return typeof at === "number" ? { kind: "once", at: new Date(at).toISOString() } : at
}

async function repeating(text: string, here: Here): Promise<Recurrence | PhraseProblem | null> {
  const interval = intervalOf(text)
  if (interval !== null) return interval
  const limits = await takeLimits(text, here)
  if (limits === null || "problem" in limits) return limits
  const times = takeTimes(limits.rest)
  if ("problem" in times) return times
  const words = times.rest.replace(/\bevery on\b/, "every")
  const days = daysOf(times.part !== null && /^(?:every|each)$/.test(words) ? "every day" : words)
  if (days === null || "problem" in days) return days
  if (times.times.length === 0) return { problem: `At what time? For example: "${words} at 9 am".` }
  return limited({ ...days, times: times.times }, limits, here)
}

/** The recurrence of an interval ("every 15 minutes", "every 2 hours", "hourly"); null when the phrase is no interval. */
function intervalOf(text: string): Recurrence | PhraseProblem | null {
  if (/^(?:hourly|(?:every|each) (?:1 )?hour)$/.test(text)) return { kind: "cron", expr: "0 * * * *" }
  const match = /^(?:every|each) (?:(\d{1,6}|other) )?(minute|min|hour|hr)s?$/.exec(text)
  if (match === null) return null
  const count = match[1] === undefined ? 1 : match[1] === "other" ? 2 : Number(match[1])
  const minutes = match[2]?.startsWith("h") ? count * 60 : count
  if (minutes >= 1 && minutes < 24 * 60) return { kind: "every", minutes }
  return { problem: 'Choose between "every minute" and "every 23 hours", or name the days: "every day at 9 am".' }
}

interface Limits {
  rest: string
  from: Temporal.PlainDate | null
  until: Temporal.PlainDate | null
  count: number | null
}

const CLAUSE_END = "(?=$|,? (?:starting|from|until|till|for \\d|\\d+ times|at \\d))"
const STARTING = new RegExp(`,? (?:starting|beginning|from)(?: on)? (.+?)${CLAUSE_END}`)
const UNTIL = new RegExp(`,? (?:until|till) (.+?)${CLAUSE_END}`)
const COUNT = /,? (?:for )?(\d{1,4}) times?\b/

/** Takes "starting ...", "until ..." and "for N times" out of a phrase; null when a date in it is not understood. */
async function takeLimits(text: string, here: Here): Promise<Limits | PhraseProblem | null> {
  const limits: Limits = { rest: text, from: null, until: null, count: null }
  const count = COUNT.exec(limits.rest)
  limits.rest = limits.rest.replace(COUNT, "")
  if (count !== null) limits.count = Number(count[1])
  if (limits.count === 0) return { problem: 'Say how often: "for 5 times".' }
  for (const [name, pattern] of [["from", STARTING] as const, ["until", UNTIL] as const]) {
    const words = pattern.exec(limits.rest)?.[1]
    if (words === undefined) continue
    const day = await dayOf(words, here)
    if (day === null || "problem" in day) return day
    limits[name] = day.date
    limits.rest = limits.rest.replace(pattern, "")
  }
  return limits
}

/**
 * The recurrence of a plan with its limits. A plan with a count or an interval above 1 gets a first occurrence, from
 * which they are counted.
 */
function limited(plan: Plan, limits: Limits, here: Here): Recurrence | PhraseProblem | null {
  const until = limits.until === null ? {} : { until: limits.until.toString().replaceAll("-", "") }
  const count = limits.count === null ? {} : { count: limits.count }
  const anchored = plan.interval > 1 || limits.count !== null || limits.from !== null
  const start = anchored ? firstOf(plan, limits.from, here) : null
  const whole = { ...plan, ...until, ...count, ...(start === null ? {} : { start }) }
  return recurrenceOf(whole) ?? { problem: "Those times of day differ in their minutes. Schedule them one by one." }
}

/** The first occurrence of a plan after now, or from a named date on, in the form of RFC 5545. */
function firstOf(plan: Plan, from: Temporal.PlainDate | null, here: Here): string | null {
  const base = recurrenceOf({ ...plan, interval: 1 })
  const startOfDay = from === null ? 0 : from.toZonedDateTime(here.zone).epochMilliseconds - 1
  const after = new Date(Math.max(here.now.getTime(), startOfDay))
  const first = base === null ? null : next(base, after, here.zone)
  if (first === null) return null
  const time = zoned(first.getTime(), here.zone).toPlainTime().toString({ smallestUnit: "second" })
  return `${localDay(first, here.zone)}T${time}`.replace(/[-:]/g, "")
}
