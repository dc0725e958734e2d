/**
 * Quiet hours: the hours in which a person gets no messages that can wait, on the person's own wall clock. The two days on
 * which the clocks change have the same quiet hours as every other day; only their length in real time differs.
 */
import { zoned } from "./zone.ts"

const DEFAULT_QUIET = "21:00-08:00"
const NO_QUIET = "off"

const RANGE = /^([01]?\d|2[0-3]):([0-5]\d)\s*(?:-|–|to)\s*([01]?\d|2[0-3]):([0-5]\d)$/

/** Quiet hours in their stored form, `22:00-07:00` or `off`; null for any other text and for a range without length. */
export function readQuiet(text: string): string | null {
  const words = text.trim().toLowerCase()
  if (words === NO_QUIET || words === "none") return NO_QUIET
  const [, fromHour, fromMinute, toHour, toMinute] = RANGE.exec(words) ?? []
  if (!fromHour || !fromMinute || !toHour || !toMinute) return null
  const from = `${fromHour.padStart(2, "0")}:${fromMinute}`
  const to = `${toHour.padStart(2, "0")}:${toMinute}`
  return from === to ? null : `${from}-${to}`
}

/** The quiet hours of a person. */
export interface Quiet {
  /**
   * IANA; null while the zone is unknown, and then there are no quiet hours, because nobody knows when the person's night
   * is.
   */
  zone: string | null
  /** In the stored form; null for the default. */
  hours: string | null
}

/** The end of the quiet hours at `now`; null when `now` is outside of them. The end itself is no longer quiet. */
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

/** The quiet hours in words for the person: "Quiet hours: 21:00-08:00 (Europe/Berlin)." */
export function quietText({ zone, hours }: Quiet): string {
  const range = hours ?? DEFAULT_QUIET
  if (range === NO_QUIET) return "Quiet hours: off."
  if (zone === null) return "Quiet hours: none until I know your time zone."
  return `Quiet hours: ${range} (${zone}).`
}

/**
 * The instant of a wall-clock time. A time that the clock skips is later by the gap; of a time that comes twice it is the
 * first.
 */
function instantOf(day: Temporal.PlainDate, time: Temporal.PlainTime, zone: string): number {
  return day.toZonedDateTime({ timeZone: zone, plainTime: time }).epochMilliseconds
}
