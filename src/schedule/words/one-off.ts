/**
 * One-off: finds the single moment that words mean. Vigil's own table reads times of day, and arithmetic reads lengths of
 * time. chrono-node reads only the date, and its answer counts only when it understood every word, because it guesses
 * otherwise.
 */

import { zoned } from "../recurrence/zone.ts"
import type { PhraseProblem } from "./problem.ts"
import type { TimeOfDay, Times } from "./time-of-day.ts"

/** The moment at which a person speaks, and the person's zone. */
export interface Here {
  now: Date
  zone: string
}

interface Day {
  date: Temporal.PlainDate
  /** True when only a weekday was named. When its time has passed, the same day of the next week is meant. */
  weekdayOnly: boolean
}

const ASK_TIME = 'At what time? For example: "tomorrow at 9 am".'
const IN_THE_PAST = "That moment has passed. Name one that is still to come."
/** Units of a fixed length, in milliseconds. */
const EXACT = new Map([
  ["second", 1000],
  ["sec", 1000],
  ["minute", 60_000],
  ["min", 60_000],
  ["hour", 3_600_000],
  ["hr", 3_600_000],
])
/** Units whose length depends on the calendar. */
const CALENDAR = new Map([
  ["day", "days"],
  ["week", "weeks"],
  ["month", "months"],
  ["year", "years"],
] as const)
/** A moment within this time is soon enough to be meant by a bare hour in the night. */
const SOON_MS = 3 * 3_600_000
const LONGEST_MS = 5 * 366 * 86_400_000

/**
 * The moment (epoch milliseconds) that a normalised phrase means. `times` has the phrase's times and the rest of it. Null
 * when it is not understood.
 */
export async function momentOf(times: Times, here: Here): Promise<number | PhraseProblem | null> {
  const lapse = lapseOf(times.rest, here)
  if (lapse !== null) return afterLapse(lapse, times, here)
  const [time, ...more] = times.times
  if (more.length > 0)
    return { problem: 'That names several times. Schedule one at a time, or repeat it: "every day at 8 am and 5 pm".' }
  if (times.rest === "") return time === undefined ? null : soonest(time, times.open, here)
  const day = await dayOf(times.rest, here)
  if (day === null || "problem" in day) return day
  return time === undefined ? { problem: ASK_TIME } : onDay(day, time, times, here)
}

/** The date that a whole phrase names ("next friday", "3 december", "the 5th"); null when any word is left over. */
export async function dayOf(text: string, here: Here): Promise<Day | PhraseProblem | null> {
  const phrase = text.replace(/^(?:on|for) /, "").replace(/^day after/, "the day after")
  if (/\b\d{1,2}[/.]\d{1,2}\b/.test(phrase))
    return {
      problem: 'Write the month as a word ("3 December") or the whole date ("2026-12-03"), so that it is clear.',
    }
  if (/^(?:this|next) (?:week|month|year)$/.test(phrase))
    return { problem: 'On which day? For example: "next Friday at 9 am".' }
  const today = zoned(here.now.getTime(), here.zone).toPlainDate()
  const dayOfMonth = /^the (\d{1,2})(?:st|nd|rd|th)$/.exec(phrase)
  if (dayOfMonth !== null) return comingDate(Number(dayOfMonth[1]), today)
  return readDate(phrase, here)
}

async function readDate(phrase: string, here: Here): Promise<Day | null> {
  const { parse } = await import("chrono-node/en")
  const offset = zoned(here.now.getTime(), here.zone).offsetNanoseconds / 60e9
  const [found, ...more] = parse(phrase, { instant: here.now, timezone: offset }, { forwardDate: true })
  if (found === undefined || more.length > 0 || found.text !== phrase || found.end) return null
  const { start } = found
  if (start.isCertain("hour") || !(start.isCertain("day") || start.isCertain("weekday"))) return null
  const [year, month, day] = [start.get("year"), start.get("month"), start.get("day")]
  if (year === null || month === null || day === null) return null
  return { date: Temporal.PlainDate.from({ year, month, day }), weekdayOnly: !start.isCertain("day") }
}

/** The next date with this day of the month, today included; null when no month has it. */
function comingDate(day: number, today: Temporal.PlainDate): Day | null {
  for (let months = 0; months < 12 && day >= 1; months += 1) {
    const month = today.with({ day: 1 }).add({ months })
    const date = day <= month.daysInMonth ? month.with({ day }) : null
    if (date !== null && Temporal.PlainDate.compare(date, today) >= 0) return { date, weekdayOnly: false }
  }
  return null
}

function onDay(day: Day, time: TimeOfDay, times: Times, here: Here): number | PhraseProblem {
  // "friday night at 1" is after midnight, so it is on the next calendar day.
  const date = times.part === "night" && time.hour < 5 ? day.date.add({ days: 1 }) : day.date
  const now = here.now.getTime()
  const open = times.open && isToday(date, here)
  const first = instantsOn(date, time, open, here.zone).find((at) => at > now && (!open || plausible(at, here)))
  if (first !== undefined) return first
  if (!day.weekdayOnly) return { problem: IN_THE_PAST }
  const [later] = instantsOn(date.add({ days: 7 }), time, false, here.zone)
  return later !== undefined && later > now ? later : { problem: IN_THE_PAST }
}

/** The next moment at which the clock shows this time; in either half of the day when `open`. */
function soonest(time: TimeOfDay, open: boolean, here: Here): number | null {
  const today = zoned(here.now.getTime(), here.zone).toPlainDate()
  const days = [today, today.add({ days: 1 }), today.add({ days: 2 })]
  const instants = days.flatMap((day) => instantsOn(day, time, open, here.zone))
  return instants.find((at) => at > here.now.getTime() && (!open || plausible(at, here))) ?? null
}

/** Whether a bare hour can mean this moment: before six in the morning only when that is soon. */
function plausible(at: number, here: Here): boolean {
  return zoned(at, here.zone).hour >= 6 || at - here.now.getTime() <= SOON_MS
}

function instantsOn(date: Temporal.PlainDate, time: TimeOfDay, open: boolean, zone: string): number[] {
  const hours = open ? [time.hour % 12, (time.hour % 12) + 12] : [time.hour]
  return hours.map((hour) => {
    const plainTime = Temporal.PlainTime.from({ hour, minute: time.minute })
    return date.toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds
  })
}

function isToday(date: Temporal.PlainDate, here: Here): boolean {
  return date.equals(zoned(here.now.getTime(), here.zone).toPlainDate())
}

interface Lapse {
  at: Temporal.ZonedDateTime
  /** True when the length is made of days or longer units, so that a time of day may follow it. */
  wholeDays: boolean
}

function afterLapse(lapse: Lapse, times: Times, here: Here): number | PhraseProblem {
  const now = here.now.getTime()
  const at = lapse.at.epochMilliseconds
  if (at <= now || at > now + LONGEST_MS) return { problem: "Choose a moment between now and five years from now." }
  const [time, ...more] = times.times
  if (time === undefined) return at
  if (more.length > 0 || !lapse.wholeDays)
    return { problem: 'Say either how long ("in 20 minutes") or when ("at 5 pm"), not both.' }
  return onDay({ date: lapse.at.toPlainDate(), weekdayOnly: false }, time, times, here)
}

/** "in 2 hours and 30 minutes", "in 3 days", "20 minutes from now". */
function lapseOf(text: string, here: Here): Lapse | null {
  const body = /^in (.+)$/.exec(text)?.[1] ?? /^(.+) from now$/.exec(text)?.[1]
  if (body === undefined) return null
  let at = zoned(here.now.getTime(), here.zone)
  let wholeDays = true
  for (const part of body.split(/, and | and |, /)) {
    const [, amountText = "", unit = ""] = /^(\d{1,6}(?:\.\d{1,2})?) ?([a-z]+?)s?$/.exec(part) ?? []
    const amount = Number(amountText)
    const exact = EXACT.get(unit)
    const later =
      exact === undefined ? calendarLater(at, amount, unit) : at.add({ milliseconds: Math.round(amount * exact) })
    if (amountText === "" || later === null) return null
    at = later
    wholeDays &&= exact === undefined
  }
  return { at, wholeDays }
}

function calendarLater(at: Temporal.ZonedDateTime, amount: number, unit: string): Temporal.ZonedDateTime | null {
  const name = [...CALENDAR].find(([word]) => word === unit)?.[1]
  return name === undefined || !Number.isInteger(amount) ? null : at.add({ [name]: amount })
}
