/**
 * Cron: expressions of five fields (minute hour day month weekday) on the wall clock; `timeline.ts` puts them into a zone.
 * Vigil has its own reader, because the cron library that pg-boss brings loses a day where the clock moves by half an hour
 * (Australia/Lord_Howe). An expression that could never run is refused when it is read.
 */
import { Reject } from "../../base/errors.ts"
import type { WallPattern } from "./timeline.ts"

/** The values that each field allows. Day and weekday together mean "either", unless one of them starts with `*`. */
interface CronFields {
  minutes: number[]
  hours: number[]
  days: number[]
  months: number[]
  /** 0 is Sunday. */
  weekdays: number[]
  /** Whether the field starts with `*`. */
  anyDay: boolean
  anyWeekday: boolean
}

interface Field {
  name: string
  low: number
  high: number
  names?: readonly string[]
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
/** The most days of each month. */
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const FIX = 'write five fields such as "0 8 * * 1-5" (minute hour day month weekday)'

/** The fields of an expression. @throws Reject when it is not five readable fields, or names a date that does not exist */
export function readCron(expr: string): CronFields {
  const [minute, hour, day, month, weekday, ...rest] = expr.trim().toLowerCase().split(/\s+/)
  if (minute === undefined || hour === undefined || day === undefined || month === undefined || weekday === undefined)
    throw new Reject(400, `the cron expression "${expr}" has fewer than five fields`, { fix: FIX })
  if (rest.length > 0) throw new Reject(400, `the cron expression "${expr}" has more than five fields`, { fix: FIX })
  const fields: CronFields = {
    minutes: valuesOf(minute, { name: "minute", low: 0, high: 59 }),
    hours: valuesOf(hour, { name: "hour", low: 0, high: 23 }),
    days: valuesOf(day, { name: "day", low: 1, high: 31 }),
    months: valuesOf(month, { name: "month", low: 1, high: 12, names: ["", ...MONTHS] }),
    weekdays: weekdaysOf(weekday),
    anyDay: day.startsWith("*"),
    anyWeekday: weekday.startsWith("*"),
  }
  const earliest = Math.min(...fields.days)
  const exists = fields.months.some((m) => earliest <= (LONGEST[m - 1] ?? 0))
  if (!(exists || !fields.anyWeekday))
    throw new Reject(400, `the cron expression "${expr}" names a date that does not exist`, { fix: FIX })
  return fields
}

/** The wall-clock pattern of a cron expression. @throws Reject like `readCron` */
export function cronPattern(expr: string): WallPattern {
  const fields = readCron(expr)
  return { everyHour: fields.hours.length === 24, from: (wall) => wallsFrom(fields, wall) }
}

function* wallsFrom(fields: CronFields, wall: number): Generator<number, void> {
  const times = fields.hours.flatMap((hour) => fields.minutes.map((minute) => (hour * 60 + minute) * MINUTE_MS))
  for (let day = Math.floor(wall / DAY_MS) * DAY_MS; ; day += DAY_MS) {
    if (!falls(fields, new Date(day))) continue
    for (const time of times) if (day + time >= wall) yield day + time
  }
}

function falls(fields: CronFields, day: Date): boolean {
  if (!fields.months.includes(day.getUTCMonth() + 1)) return false
  const byDay = fields.days.includes(day.getUTCDate())
  const byWeekday = fields.weekdays.includes(day.getUTCDay())
  return fields.anyDay || fields.anyWeekday ? byDay && byWeekday : byDay || byWeekday
}

/** The weekdays of a field. Both 0 and 7 are Sunday. */
function weekdaysOf(text: string): number[] {
  const field = { name: "weekday", low: 0, high: 7, names: WEEKDAYS }
  if (text.startsWith("*")) field.high = 6
  return sorted(valuesOf(text, field).map((value) => value % 7))
}

function valuesOf(text: string, field: Field): number[] {
  return sorted(text.split(",").flatMap((part) => rangeOf(part, field)))
}

function rangeOf(part: string, field: Field): number[] {
  const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d+))?$/.exec(part)
  const step = Number(match?.[3] ?? 1)
  if (match === null || step < 1) throw unreadable(part, field)
  const open = match[1] === "*"
  const low = open ? field.low : numberOf(match[1] ?? "", field)
  const high = highOf(match, field, low)
  if (high < low || (open && match[2] !== undefined)) throw unreadable(part, field)
  return Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step)
}

/** The end of a range: b for `a-b`, the field's last value for `*` and `a/n`, and a for `a`. */
function highOf(match: RegExpExecArray, field: Field, low: number): number {
  if (match[2] !== undefined) return numberOf(match[2], field)
  return match[1] === "*" || match[3] !== undefined ? field.high : low
}

function numberOf(text: string, field: Field): number {
  const named = text === "" ? -1 : (field.names ?? []).indexOf(text)
  const value = named >= 0 ? named : Number(/^\d+$/.test(text) ? text : Number.NaN)
  if (!(value >= field.low && value <= field.high)) throw unreadable(text, field)
  return value
}

function unreadable(part: string, field: Field): Reject {
  return new Reject(400, `"${part}" is not a ${field.name} (${field.low} to ${field.high}) in a cron expression`, {
    fix: FIX,
  })
}

function sorted(values: number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
