/**
 * Sentence: a recurrence in plain English, for the answer that states what was understood. `parseWhen` understands every
 * sentence about a recurrence that a person can say, and reads the same recurrence from it.
 */

import type { Recurrence } from "../recurrence/recurrence.ts"
import { clockText, zoned, zoneLabel } from "../recurrence/zone.ts"
import type { Plan } from "./plan.ts"
import { planOf } from "./plan.ts"

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
]
const NTH = new Map([
  [1, "first"],
  [2, "second"],
  [3, "third"],
  [4, "fourth"],
  [-1, "last"],
])

/** The recurrence in words: "weekdays at 8:00 AM, New York time". A rule that no plan can express is quoted unchanged. */
export function sentenceOf(recurrence: Recurrence, zone: string): string {
  if (recurrence.kind === "every") return intervalText(recurrence.minutes)
  return `${wordsOf(recurrence, zone)}, ${zoneLabel(zone)}`
}

function wordsOf(recurrence: Exclude<Recurrence, { kind: "every" }>, zone: string): string {
  if (recurrence.kind === "once") return onceText(recurrence.at, zone)
  if (recurrence.kind === "cron" && recurrence.expr === "0 * * * *") return "every hour"
  const plan = planOf(recurrence)
  if (plan !== null) return planText(plan)
  return recurrence.kind === "cron" ? `on the cron schedule "${recurrence.expr}"` : `by the rule "${recurrence.rule}"`
}

function intervalText(minutes: number): string {
  if (minutes === 1) return "every minute"
  return minutes > 60 && minutes % 60 === 0 ? `every ${minutes / 60} hours` : `every ${minutes} minutes`
}

function onceText(at: string, zone: string): string {
  const local = zoned(Date.parse(at), zone)
  return `${WEEKDAYS[local.dayOfWeek % 7]} ${dateText(local)} at ${clockText(local)}`
}

function planText(plan: Plan): string {
  const limits = [
    ...(plan.start === undefined ? [] : [`starting ${dateText(Temporal.PlainDate.from(plan.start.slice(0, 8)))}`]),
    ...(plan.count === undefined ? [] : [plan.count === 1 ? "for 1 time" : `for ${plan.count} times`]),
    ...(plan.until === undefined ? [] : [`until ${dateText(Temporal.PlainDate.from(plan.until))}`]),
  ]
  return [`${daysText(plan)} at ${listText(plan.times.map(clockText))}`, ...limits].join(", ")
}

function daysText(plan: Plan): string {
  switch (plan.unit) {
    case "day":
      return everyText(plan.interval, "day")
    case "week":
      return weekText(plan)
    case "month":
      return `on the ${monthText(plan)} of every month`
    case "year":
      return `every year on ${MONTHS[(plan.month ?? 1) - 1]} ${plan.days[0]}`
  }
}

function weekText(plan: Plan): string {
  const names = listText(plan.weekdays.map((day) => WEEKDAYS[day] ?? ""))
  if (plan.interval > 1) return `${everyText(plan.interval, "week")} on ${names}`
  const key = plan.weekdays.join()
  if (key === "1,2,3,4,5") return "weekdays"
  return key === "0,6" ? "weekends" : `every ${names}`
}

function monthText({ nth, days }: Plan): string {
  if (nth === undefined) return days[0] === -1 ? "last day" : listText(days.map(ordinal))
  return `${NTH.get(nth.n)} ${nth.weekday === "any" ? "weekday" : WEEKDAYS[nth.weekday]}`
}

function everyText(interval: number, unit: string): string {
  if (interval === 1) return `every ${unit}`
  return interval === 2 ? `every other ${unit}` : `every ${interval} ${unit}s`
}

function dateText(date: { day: number; month: number; year: number }): string {
  return `${date.day} ${MONTHS[date.month - 1]} ${date.year}`
}

function listText(items: string[]): string {
  if (items.length < 2) return items.join()
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`
}

function ordinal(n: number): string {
  const ending = n > 10 && n < 14 ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th")
  return `${n}${ending}`
}
