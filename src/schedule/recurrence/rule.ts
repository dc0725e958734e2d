/**
 * Rule: RFC 5545 recurrence rules on the wall clock. The schedule preview of pg-boss reads and evaluates them, and refuses a
 * rule that it cannot evaluate. It gets the zone UTC, and `timeline.ts` puts the times into the real zone: with the real
 * zone the preview drops a day whose time the clock skips.
 */
import { PgBoss } from "pg-boss"
import { messageOf, Reject } from "../../base/errors.ts"
import type { WallPattern } from "./timeline.ts"

/** Occurrences that are computed at a time; few enough to stay far from the preview's time limit of one second. */
const CHUNK = 32

const EXAMPLE = 'write an RFC 5545 rule such as "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0"'

/** Parts that a rule must not have, why it is refused, and the fix. */
const REFUSED: readonly (readonly [RegExp, string, string])[] = [
  [/FREQ=(?:HOURLY|MINUTELY|SECONDLY)/i, "is finer than a day", 'use the kind "every" with minutes, or "cron"'],
  [/BYSECOND=/i, "names seconds", "use whole minutes"],
  [/TZID=/i, "names a zone of its own", "write DTSTART without TZID: the automation's zone is used"],
  [/\dZ\b/i, "is written in UTC", "write DTSTART, UNTIL and dates without the final Z, in the automation's zone"],
]

/**
 * Checks a rule: the value of an RRULE, or lines of DTSTART, RRULE, RDATE and EXDATE with local (floating) dates.
 * @throws Reject when the rule cannot be evaluated or never happens
 */
export function checkRule(rule: string): void {
  for (const [pattern, why, fix] of REFUSED)
    if (pattern.test(rule)) throw new Reject(400, `the rule "${rule}" ${why}`, { fix })
  if (!/(?:^|[;:\n])FREQ=/i.test(rule)) throw new Reject(400, `the rule "${rule}" has no FREQ`, { fix: EXAMPLE })
  if (walk(rule, -1, 1).length === 0)
    throw new Reject(400, `the rule "${rule}" never happens`, { fix: "check its DTSTART, UNTIL and EXDATE" })
}

/** The wall-clock pattern of a rule that `checkRule` accepted. */
export function rulePattern(rule: string): WallPattern {
  return { everyHour: false, from: (wall) => wallsFrom(rule, wall) }
}

function* wallsFrom(rule: string, wall: number): Generator<number, void> {
  let after = wall - 1
  for (let count = 2; ; count = Math.min(count * 2, CHUNK)) {
    const walls = walk(rule, after, count)
    yield* walls
    if (walls.length < count) return
    after = walls.at(-1) ?? after
  }
}

function walk(rule: string, after: number, count: number): number[] {
  try {
    return calendar()
      .previewSchedule(rule, { tz: "UTC", from: new Date(after), count })
      .map((date) => date.getTime())
  } catch (cause) {
    throw new Reject(400, `the rule "${rule}" cannot be read: ${messageOf(cause)}`, {
      fix: EXAMPLE,
      cause,
    })
  }
}

/** A pg-boss without a database that is never started. Only its date arithmetic is used. */
function calendar(): PgBoss {
  made ??= new PgBoss({ db: { executeSql: () => Promise.reject(new Error("the calendar has no database")) } })
  return made
}
let made: PgBoss | undefined
