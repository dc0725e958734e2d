/**
 * Recurrence: a rule, and the instants at which it makes an automation due. The same recurrence, zone and moment always
 * give the same instants in strictly ascending order. So every due instant can be recorded exactly once, also across an
 * outage and on both days when the clock changes.
 */
import { z } from "zod"
import { messageOf, VigilError } from "../../base/errors.ts"
import { cronPattern, readCron } from "./cron.ts"
import { checkRule, rulePattern } from "./rule.ts"
import { placed } from "./timeline.ts"

const MINUTE_MS = 60_000
const WEEK_MINUTES = 7 * 24 * 60

/**
 * - `once`: `at` is an ISO 8601 instant with an offset.
 * - `cron`: five fields on the wall clock.
 * - `rrule`: an RFC 5545 rule, daily or less often, with local dates; only for a schedule that cron cannot express.
 * - `every`: every `minutes` of real time, counted from 1970-01-01T00:00Z, so that two computations agree.
 */
export const recurrenceSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("once"), at: z.iso.datetime({ offset: true }) }),
  z.strictObject({ kind: z.literal("cron"), expr: z.string().max(200).superRefine(checked(readCron)) }),
  z.strictObject({ kind: z.literal("rrule"), rule: z.string().max(2000).superRefine(checked(checkRule)) }),
  z.strictObject({ kind: z.literal("every"), minutes: z.int().min(1).max(WEEK_MINUTES) }),
])

export type Recurrence = z.infer<typeof recurrenceSchema>

/** The first due instant strictly after `after`, or null when there is none left. */
export function next(recurrence: Recurrence, after: Date, zone: string): Date | null {
  return upcoming(recurrence, after, zone, 1)[0] ?? null
}

/** Up to `count` due instants strictly after `after`, ascending. */
export function upcoming(recurrence: Recurrence, after: Date, zone: string, count: number): Date[] {
  return [...dueAfter(recurrence, after, zone).take(count)]
}

export interface Missed {
  /** The latest due instant if it is at most `catchUpMs` old. It is to be run now, late. */
  run: Date | null
  /** The other due instants, ascending, but only the first 1000. They are to be recorded as missed. */
  missed: Date[]
  /** The number of the other due instants. When more than 1000, the caller goes on after the last one in `missed`. */
  count: number
}

const LISTED = 1000
const CATCH_UP_MS = 6 * 60 * MINUTE_MS

/**
 * The instants that became due in `(lastHandled, now]`. Each is either `run` or counted among the missed ones, never both.
 * `catchUpMs` is 6 hours by default.
 */
export function missed(
  recurrence: Recurrence,
  lastHandled: Date,
  now: Date,
  zone: string,
  { catchUpMs = CATCH_UP_MS }: { catchUpMs?: number } = {},
): Missed {
  const listed: Date[] = []
  let count = 0
  let latest: Date | undefined
  const pass = (date: Date) => {
    count += 1
    if (listed.length < LISTED) listed.push(date)
  }
  for (const due of dueAfter(recurrence, lastHandled, zone)) {
    if (due > now) break
    if (latest !== undefined) pass(latest)
    latest = due
  }
  const late = latest !== undefined && now.getTime() - latest.getTime() <= catchUpMs
  if (latest !== undefined && !late) pass(latest)
  return { run: late ? (latest ?? null) : null, missed: listed, count }
}

function* dueAfter(recurrence: Recurrence, after: Date, zone: string): Generator<Date, void> {
  for (const instant of instantsAfter(recurrence, after.getTime(), zone)) yield new Date(instant)
}

function instantsAfter(recurrence: Recurrence, after: number, zone: string): Iterable<number> {
  switch (recurrence.kind) {
    case "once":
      return [Date.parse(recurrence.at)].filter((at) => at > after)
    case "every":
      return multiples(recurrence.minutes * MINUTE_MS, after)
    case "cron":
      return placed(cronPattern(recurrence.expr), after, zone)
    case "rrule":
      return placed(rulePattern(recurrence.rule), after, zone)
  }
}

function* multiples(step: number, after: number): Generator<number, void> {
  for (let at = (Math.floor(after / step) + 1) * step; ; at += step) yield at
}

/** Turns a reader that throws into a zod check with the same message. */
function checked(read: (text: string) => unknown): (text: string, ctx: z.RefinementCtx<string>) => void {
  return (text, ctx) => {
    try {
      read(text)
    } catch (error) {
      const fix = error instanceof VigilError && error.fix !== undefined ? `; ${error.fix}` : ""
      ctx.addIssue({ code: "custom", message: `${messageOf(error)}${fix}` })
    }
  }
}
