/**
 * Plan: everything that a person can say about a repeating time. It stands between the words (`phrase.ts`, `sentence.ts`)
 * and the stored form (`recurrence.ts`). Writing and reading are inverse: a plan that is written as a recurrence and read
 * back is the same plan.
 */
import type { Recurrence } from "../recurrence/recurrence.ts"
import type { TimeOfDay } from "./time-of-day.ts"

export interface Plan {
  unit: "day" | "week" | "month" | "year"
  /** 2 is "every other". */
  interval: number
  /** For weeks. 0 is Sunday. */
  weekdays: number[]
  /** For months: 1 to 28, or -1 for the last day. For years: one day. */
  days: number[]
  /** For years: 1 to 12. */
  month?: number
  /** For months: the nth weekday. n is 1 to 4, or -1 for the last; "any" means Monday to Friday. */
  nth?: { n: number; weekday: number | "any" }
  /** Ascending, at least one. */
  times: TimeOfDay[]
  /** The first occurrence, local, in the form of RFC 5545: "20261127T170000". A count and an interval above 1 need it. */
  start?: string
  count?: number
  /** The last local day: "20261231". */
  until?: string
}

const WEEKDAY_CODES: readonly string[] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"]
const MOST_TIMES = 24
const WORKDAYS = "MO,TU,WE,TH,FR"

/**
 * The stored form of a plan: a cron expression if one can express it, else a rule; null when neither can, because of
 * uneven times.
 */
export function recurrenceOf(plan: Plan): Recurrence | null {
  const grid = gridOf(plan.times)
  const simple = plan.interval === 1 && plan.nth === undefined && !plan.days.includes(-1)
  if (grid.even && simple && plan.count === undefined && plan.until === undefined && plan.start === undefined)
    return { kind: "cron", expr: cronOf(plan, grid) }
  const uneven = grid.even ? [] : [`BYSETPOS=${positions(plan.times, grid).join(",")}`]
  if (!(grid.even || (plan.interval === 1 && ["day", "week"].includes(plan.unit)))) return null
  const rule = [
    ...daysOf(plan, grid.even),
    `BYHOUR=${grid.hours.join(",")}`,
    `BYMINUTE=${grid.minutes.join(",")}`,
    ...uneven,
    ...(plan.count === undefined ? [] : [`COUNT=${plan.count}`]),
    ...(plan.until === undefined ? [] : [`UNTIL=${plan.until}T235959`]),
  ].join(";")
  return { kind: "rrule", rule: plan.start === undefined ? rule : `DTSTART:${plan.start}\nRRULE:${rule}` }
}

/** The plan of a stored recurrence; null when `recurrenceOf` could not have written it from a person's words. */
export function planOf(recurrence: Recurrence): Plan | null {
  const plan = recurrence.kind === "cron" ? fromCron(recurrence.expr) : null
  const found = plan ?? (recurrence.kind === "rrule" ? fromRule(recurrence.rule) : null)
  if (found === null || !isSayable(found)) return null
  const written = recurrenceOf(found)
  return JSON.stringify(written) === JSON.stringify(recurrence) ? found : null
}

/** Whether words can express the whole plan, so that no part of it is left out of a description. */
function isSayable(plan: Plan): boolean {
  const { unit, interval, weekdays, days, month, nth, times } = plan
  const parts = [weekdays.length > 0 && "weekdays", days.length > 0 && "days", month && "month", nth && "nth"]
  const named = parts.filter(Boolean).join("+")
  const known = { day: [""], week: ["weekdays"], month: ["days", "nth"], year: ["days+month"] }
  const often = unit === "day" || unit === "week" ? interval >= 1 : interval === 1
  return often && known[unit].includes(named) && times.length > 0 && times.length <= MOST_TIMES && areSayable(plan)
}

function areSayable({ days, month, nth }: Plan): boolean {
  if (nth !== undefined) return [1, 2, 3, 4, -1].includes(nth.n)
  if (month !== undefined) return days.length === 1 && !(month === 2 && days[0] === 29)
  return days.join() === "-1" || days.every((day) => day >= 1 && day <= 28)
}

/** Times of day as a set of hours and a set of minutes, the form that cron and RFC 5545 need. */
interface Grid {
  hours: number[]
  minutes: number[]
  /** Whether every hour occurs with every minute. */
  even: boolean
}

function gridOf(times: TimeOfDay[]): Grid {
  const hours = distinct(times.map((time) => time.hour))
  const minutes = distinct(times.map((time) => time.minute))
  return { hours, minutes, even: hours.length * minutes.length === times.length }
}

function positions(times: TimeOfDay[], grid: Grid): number[] {
  return times.map((t) => grid.hours.indexOf(t.hour) * grid.minutes.length + grid.minutes.indexOf(t.minute) + 1)
}

function timesOf(hours: number[], minutes: number[], places?: number[]): TimeOfDay[] {
  const all = hours.flatMap((hour) => minutes.map((minute) => ({ hour, minute })))
  return places === undefined ? all : all.filter((_, index) => places.includes(index + 1))
}

function cronOf(plan: Plan, grid: Grid): string {
  const weekdays = plan.weekdays.join(",") === "1,2,3,4,5" ? "1-5" : plan.weekdays.join(",")
  const month = plan.month === undefined ? "*" : String(plan.month)
  const days = plan.days.length > 0 ? plan.days.join(",") : "*"
  return `${grid.minutes.join(",")} ${grid.hours.join(",")} ${days} ${month} ${weekdays || "*"}`
}

function fromCron(expr: string): Plan | null {
  const [minutes = "", hours = "", days = "", month = "", weekday = ""] = expr.split(" ")
  const lists = [minutes, hours, days, month, weekday === "1-5" ? "1,2,3,4,5" : weekday].map(listOf)
  const [m, h, d, mo, w] = lists
  if (m === undefined || h === undefined || d === undefined || mo === undefined || w === undefined) return null
  const plan: Plan = { unit: unitOf(d, mo, w), interval: 1, weekdays: w, days: d, times: timesOf(h, m) }
  return mo[0] === undefined ? plan : { ...plan, month: mo[0] }
}

function unitOf(days: number[], months: number[], weekdays: number[]): Plan["unit"] {
  if (months.length > 0) return "year"
  if (days.length > 0) return "month"
  return weekdays.length > 0 ? "week" : "day"
}

function daysOf(plan: Plan, even: boolean): string[] {
  const interval = plan.interval === 1 ? [] : [`INTERVAL=${plan.interval}`]
  const codes = plan.weekdays.map((day) => WEEKDAY_CODES[day]).join(",")
  const byDay = codes === "" ? [] : [`BYDAY=${codes}`]
  if (plan.unit === "day") return ["FREQ=DAILY", ...interval]
  // Uneven times are chosen by position (BYSETPOS), and a position counts within one period, so the period must be the day.
  if (plan.unit === "week") return [even ? "FREQ=WEEKLY" : "FREQ=DAILY", ...interval, ...byDay]
  const month = plan.month === undefined ? [] : [`BYMONTH=${plan.month}`]
  const freq = plan.unit === "month" ? "FREQ=MONTHLY" : "FREQ=YEARLY"
  return [freq, ...interval, ...month, ...nthOf(plan), ...(plan.days.length > 0 ? [`BYMONTHDAY=${plan.days}`] : [])]
}

function nthOf(plan: Plan): string[] {
  if (plan.nth === undefined) return []
  const { n, weekday } = plan.nth
  return weekday === "any" ? [`BYDAY=${WORKDAYS}`, `BYSETPOS=${n}`] : [`BYDAY=${n}${WEEKDAY_CODES[weekday]}`]
}

function fromRule(rule: string): Plan | null {
  const start = /^DTSTART:(\d{8}T\d{6})\nRRULE:/.exec(rule)
  const parts = new Map(
    rule
      .slice(start?.[0].length ?? 0)
      .split(";")
      .map((part) => [part.split("=")[0] ?? "", part.split("=")[1] ?? ""] as const),
  )
  const list = (name: string) => (parts.get(name) ?? "").split(",").filter(Boolean).map(Number)
  const nth = nthFrom(parts)
  const places = parts.has("BYSETPOS") && nth === undefined ? list("BYSETPOS") : undefined
  const codes = nth === undefined ? (parts.get("BYDAY") ?? "").split(",").filter(Boolean) : []
  const weekdays = codes.map((code) => WEEKDAY_CODES.indexOf(code))
  const unit = { DAILY: "day", WEEKLY: "week", MONTHLY: "month", YEARLY: "year" } as const
  const freq = Object.entries(unit).find(([name]) => name === parts.get("FREQ"))?.[1]
  if (freq === undefined || weekdays.includes(-1)) return null
  return {
    unit: freq === "day" && weekdays.length > 0 ? "week" : freq,
    interval: Number(parts.get("INTERVAL") ?? 1),
    weekdays,
    days: list("BYMONTHDAY"),
    times: timesOf(list("BYHOUR"), list("BYMINUTE"), places),
    ...(nth === undefined ? {} : { nth }),
    ...optional("month", list("BYMONTH")[0]),
    ...optional("start", start?.[1]),
    ...optional("count", list("COUNT")[0]),
    ...optional("until", parts.get("UNTIL")?.slice(0, 8)),
  }
}

function nthFrom(parts: ReadonlyMap<string, string>): Plan["nth"] {
  const days = parts.get("BYDAY") ?? ""
  if (days === WORKDAYS && parts.get("FREQ") === "MONTHLY") return { n: Number(parts.get("BYSETPOS")), weekday: "any" }
  const match = /^(-?\d)([A-Z]{2})$/.exec(days)
  const weekday = WEEKDAY_CODES.indexOf(match?.[2] ?? "")
  return match === null || weekday < 0 ? undefined : { n: Number(match[1]), weekday }
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V })
}

/**
 * The numbers of a cron field. "*" restricts nothing and gives an empty list. Any other text gives undefined, because
 * `cronOf` never writes it.
 */
function listOf(text: string): number[] | undefined {
  if (text === "*") return []
  return /^\d+(,\d+)*$/.test(text) ? text.split(",").map(Number) : undefined
}

function distinct(values: number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b)
}
