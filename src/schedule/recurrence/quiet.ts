/**
 * Quiet hours: when a person is left alone, on their own wall clock. Both days when the clocks change have the same quiet
 * hours as any other; only how many hours of real time they take differs.
 */
import { zoned } from "./zone.ts"

const DEFAULT_QUIET = "21:00-08:00"
const NO_QUIET = "off"

const RANGE = /^([01]?\d|2[0-3]):([0-5]\d)\s*(?:-|–|to)\s*([01]?\d|2[0-3]):([0-5]\d)$/

/** `22:00-07:00` or `off`, in the one way it is stored; null for what is neither, and for a range of no length. */
export function readQuiet(text: string): string | null {
  const words = text.trim().toLowerCase()
  if (words === NO_QUIET || words === "none") return NO_QUIET
  const [, fromHour, fromMinute, toHour, toMinute] = RANGE.exec(words) ?? []
  if (!fromHour || !fromMinute || !toHour || !toMinute) return null
  const from = `${fromHour.padStart(2, "0")}:${fromMinute}`
  const to = `${toHour.padStart(2, "0")}:${toMinute}`
  return from === to ? null : `${from}-${to}`
}

/** Whose: a zone nobody knows has no quiet hours, since nobody knows when night is there. `hours` null: the usual ones. */
export interface Quiet {
  zone: string | null
  hours: string | null
}

/** When the quiet hours that `now` lies in end; null outside of them. Their end is not quiet any more. */
export function quietUntil(now: Date, { zone, hours }: Quiet): Date | null {
  const range = hours ?? DEFAULT_QUIET
  if (zone === null || range === NO_QUIET) return null
  const [from = "", to = ""] = range.split("-")
  const local = zoned(now.getTime(), zone)
  const start = Temporal.PlainTime.from(from)
  const end = Temporal.PlainTime.from(to)
  const today = local.toPlainDate()
  const nights = [today.subtract({ days: 1 }), today].map((day) => {
    const lastsOver = Temporal.PlainTime.compare(start, end) >= 0
    const endDay = lastsOver ? day.add({ days: 1 }) : day
    return { begins: instantOf(day, start, zone), ends: instantOf(endDay, end, zone) }
  })
  const night = nights.find(({ begins, ends }) => begins <= now.getTime() && now.getTime() < ends)
  return night ? new Date(night.ends) : null
}

/** In words for people: `quiet from 21:00 to 08:00`. */
export function quietText({ zone, hours }: Quiet): string {
  const range = hours ?? DEFAULT_QUIET
  if (range === NO_QUIET) return "Quiet hours: off."
  if (zone === null) return "Quiet hours: none until I know your time zone."
  return `Quiet hours: ${range} (${zone}).`
}

/** A wall-clock time that the clocks skip is the moment after the gap; one that comes twice is the first. */
function instantOf(day: Temporal.PlainDate, time: Temporal.PlainTime, zone: string): number {
  return day.toZonedDateTime({ timeZone: zone, plainTime: time }).epochMilliseconds
}
