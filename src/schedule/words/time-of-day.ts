/**
 * Time of day: finds the clock times in a phrase and takes them out of it. A bare hour gets the likelier half of the day
 * (1 to 6 afternoon, 7 to 11 morning), and the answer to the person states it. A time that does not exist is a problem and
 * never a guess.
 */
import type { PhraseProblem } from "./problem.ts"

export interface TimeOfDay {
  hour: number
  minute: number
}

export interface Times {
  /** Ascending, without repeats; empty when the phrase names none. */
  times: TimeOfDay[]
  /** True when the phrase has one time, and it could be am or pm. */
  open: boolean
  /** The part of the day that the phrase names, with or without a time. */
  part: Part | null
  /** The phrase without its times. */
  rest: string
}

type Part = "morning" | "afternoon" | "evening" | "night"

/** The time of a part of the day that is named without a time. */
const PARTS: Readonly<Record<Part, TimeOfDay>> = {
  morning: { hour: 8, minute: 0 },
  afternoon: { hour: 15, minute: 0 },
  evening: { hour: 18, minute: 0 },
  night: { hour: 21, minute: 0 },
}

/** Times after "at", where a bare hour is a time. */
const LOOSE = String.raw`(?:\d{1,2}(?::\d{2})?(?: ?[ap]m)?|noon|midday|midnight)(?![\w:/])`
/** Times anywhere else, where a bare number is no time. */
const STRICT = String.raw`(?:\d{1,2}(?::\d{2})? ?[ap]m|\d{1,2}:\d{2}|noon|midday|midnight)(?![\w:/])`
const AND = "(?:, and |, | and | & )(?:at )?"
const AFTER_AT = new RegExp(`(?:^|[ ,])(?:at|@) ?(${LOOSE}(?:${AND}${LOOSE})*)`)
const ANYWHERE = new RegExp(`(?:^|[ ,])(${STRICT}(?:${AND}${STRICT})*)`)
const PART = /(?:^| )(?:(?:in the|at) )?(morning|afternoon|evening|night)(?= |,|$)/

/** Takes the times out of a normalised phrase (lower case, single spaces). */
export function takeTimes(phrase: string): Times | PhraseProblem {
  const partMatch = PART.exec(phrase)
  const part = partOf(partMatch?.[1])
  const noPart = partMatch === null ? phrase : cut(phrase, partMatch)
  const match = AFTER_AT.exec(noPart) ?? ANYWHERE.exec(noPart)
  if (match === null) return { times: part === null ? [] : [PARTS[part]], open: false, part, rest: noPart }
  const words = (match[1] ?? "").split(/, and |, | and | & /).map((word) => word.replace(/^at /, ""))
  const read = words.map((word) => readTime(word, part))
  const wrong = read.indexOf(null)
  if (wrong >= 0)
    return {
      problem: `"${words[wrong]}" is not a time of day${part === null ? "" : ` in the ${part}`}. Write "8 am", "20:30" or "noon".`,
    }
  const times = read.filter((time) => time !== null)
  return {
    times: ordered(times),
    open: words.length === 1 && part === null && isOpen(words[0] ?? ""),
    part,
    rest: cut(noPart, match),
  }
}

/** The time that a word means; null when there is no such time. */
function readTime(word: string, part: Part | null): TimeOfDay | null {
  if (word === "noon" || word === "midday") return { hour: 12, minute: 0 }
  if (word === "midnight") return { hour: 0, minute: 0 }
  const [, hourText = "", minuteText = "0", half] = /^(\d{1,2})(?::(\d{2}))? ?([ap]m)?$/.exec(word) ?? []
  const hour = Number(hourText)
  const minute = Number(minuteText)
  if (hourText === "" || hour > 23 || minute > 59) return null
  if (half !== undefined) return halved(hour, minute, half, part)
  const bare = isOpen(word) ? toHalf(hour, part) : hour
  return { hour: bare, minute }
}

function halved(hour: number, minute: number, half: string, part: Part | null): TimeOfDay | null {
  if (hour < 1 || hour > 12) return null
  const full = (hour % 12) + (half === "pm" ? 12 : 0)
  const fits = part === null || part === "night" || (part === "morning") === full < 12
  return fits ? { hour: full, minute } : null
}

/** Whether a word is an hour from 1 to 12 without a leading zero, am or pm. */
function isOpen(word: string): boolean {
  return /^(?:[1-9]|1[0-2])(?::\d{2})?$/.test(word)
}

/** A bare hour in the named part of the day, else in the likelier half of the day. */
function toHalf(hour: number, part: Part | null): number {
  if (part === "morning") return hour % 12
  if (part === "afternoon" || part === "evening") return (hour % 12) + 12
  if (part === "night") return hour === 12 || hour < 5 ? hour % 12 : hour + 12
  return hour < 7 ? hour + 12 : hour
}

function partOf(word: string | undefined): Part | null {
  return word === "morning" || word === "afternoon" || word === "evening" || word === "night" ? word : null
}

function ordered(times: TimeOfDay[]): TimeOfDay[] {
  const byMinute = new Map(times.map((time) => [time.hour * 60 + time.minute, time]))
  return [...byMinute.entries()].sort(([a], [b]) => a - b).map(([, time]) => time)
}

function cut(text: string, match: RegExpExecArray): string {
  const left = text.slice(0, match.index)
  const right = text.slice(match.index + match[0].length)
  return `${left} ${right}`.replace(/\s+/g, " ").replace(/^[ ,]+|[ ,]+$/g, "")
}
