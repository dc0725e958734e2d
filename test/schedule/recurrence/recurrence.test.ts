import fc from "fast-check"
import { expect, test } from "vitest"
import {
  missed,
  next,
  type Recurrence,
  recurrenceSchema,
  upcoming,
} from "../../../src/schedule/recurrence/recurrence.ts"

const NEW_YORK = "America/New_York"
const LORD_HOWE = "Australia/Lord_Howe"
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const cron = (expr: string): Recurrence => ({ kind: "cron", expr })
const rrule = (rule: string): Recurrence => ({ kind: "rrule", rule })
const local = (date: Date, zone: string) =>
  date.toTemporalInstant().toZonedDateTimeISO(zone).toString({ timeZoneName: "never", smallestUnit: "minute" })
const seen = (recurrence: Recurrence, after: string, zone: string, count: number) =>
  upcoming(recurrence, new Date(after), zone, count).map((date) => local(date, zone))

test("a time that the clock skips in spring runs on that day, later by the gap", () => {
  const expected = ["2027-03-13T02:30-05:00", "2027-03-14T03:30-04:00", "2027-03-15T02:30-04:00"]
  expect(seen(cron("30 2 * * *"), "2027-03-13T00:00Z", NEW_YORK, 3)).toEqual(expected)
  expect(seen(rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30"), "2027-03-13T00:00Z", NEW_YORK, 3)).toEqual(expected)
})

test("a time that comes twice in autumn runs once, the first time", () => {
  const expected = ["2027-11-06T01:30-04:00", "2027-11-07T01:30-04:00", "2027-11-08T01:30-05:00"]
  expect(seen(cron("30 1 * * *"), "2027-11-06T00:00Z", NEW_YORK, 3)).toEqual(expected)
  expect(seen(rrule("FREQ=DAILY;BYHOUR=1;BYMINUTE=30"), "2027-11-06T00:00Z", NEW_YORK, 3)).toEqual(expected)
})

test("between the two rounds of a repeated hour, the second round is not due again", () => {
  expect(seen(cron("30 1 * * *"), "2027-11-07T05:45Z", NEW_YORK, 1)).toEqual(["2027-11-08T01:30-05:00"])
})

test("every quarter of an hour follows real time on both days when the clock changes", () => {
  const steps = (after: string, zone: string) => {
    const dates = upcoming(cron("*/15 * * * *"), new Date(after), zone, 40).map(Number)
    return new Set(dates.slice(1).map((at, index) => at - (dates[index] ?? 0)))
  }
  for (const after of ["2027-11-07T03:50Z", "2027-03-14T05:50Z"])
    expect(steps(after, NEW_YORK)).toEqual(new Set([15 * MINUTE]))
  for (const after of ["2027-04-03T13:50Z", "2027-10-02T13:50Z"])
    expect(steps(after, LORD_HOWE)).toEqual(new Set([15 * MINUTE]))
})

test("a half-hour change loses no day", () => {
  const days = ["2027-10-02T02:15+10:30", "2027-10-03T02:45+11:00", "2027-10-04T02:15+11:00"]
  expect(seen(cron("15 2 * * *"), "2027-10-01T16:00Z", LORD_HOWE, 3).slice(0, 2)).toEqual(days.slice(1))
  expect(seen(cron("15 2 * * *"), "2027-10-01T15:00Z", LORD_HOWE, 3)).toEqual(days)
  expect(seen(cron("45 1 * * *"), "2027-04-02T20:00Z", LORD_HOWE, 2)).toEqual([
    "2027-04-04T01:45+11:00",
    "2027-04-05T01:45+10:30",
  ])
})

test("a shifted time that meets another one runs once", () => {
  expect(seen(cron("15,30 2,3 * * *"), "2027-03-14T05:00Z", NEW_YORK, 3)).toEqual([
    "2027-03-14T03:15-04:00",
    "2027-03-14T03:30-04:00",
    "2027-03-15T02:15-04:00",
  ])
})

test("a skipped midnight, a gap over midnight and a whole skipped day lose no run", () => {
  expect(seen(cron("0 0 * * *"), "2018-11-03T12:00Z", "America/Sao_Paulo", 1)).toEqual(["2018-11-04T01:00-02:00"])
  expect(seen(cron("30 23 * * *"), "2027-03-27T12:00Z", "America/Nuuk", 2)).toEqual([
    "2027-03-28T00:30-01:00",
    "2027-03-28T23:30-01:00",
  ])
  expect(seen(cron("15 9 30 12 *"), "2011-01-01T12:00Z", "Pacific/Apia", 1)).toEqual(["2011-12-31T09:15+14:00"])
})

test("Lisbon keeps its wall time over both changes, and so does a zone without changes", () => {
  expect(seen(cron("0 8 * * *"), "2027-03-27T12:00Z", "Europe/Lisbon", 1)).toEqual(["2027-03-28T08:00+01:00"])
  expect(seen(cron("30 1 * * *"), "2027-10-30T12:00Z", "Europe/Lisbon", 2)).toEqual([
    "2027-10-31T01:30+01:00",
    "2027-11-01T01:30+00:00",
  ])
  expect(seen(cron("30 2 * * *"), "2027-03-13T21:30Z", "Asia/Kolkata", 1)).toEqual(["2027-03-15T02:30+05:30"])
})

test("rare dates are found years ahead", () => {
  expect(seen(cron("0 0 29 2 *"), "2028-03-01T00:00Z", NEW_YORK, 2)).toEqual([
    "2032-02-29T00:00-05:00",
    "2036-02-29T00:00-05:00",
  ])
  expect(seen(rrule("FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0"), "2026-11-22T00:00Z", NEW_YORK, 2)).toEqual([
    "2026-12-07T09:00-05:00",
    "2027-01-04T09:00-05:00",
  ])
})

test("day and weekday together mean either, and mean both when one starts with a star", () => {
  const either = seen(cron("0 9 1 * 1"), "2026-11-22T15:00Z", NEW_YORK, 3).map((at) => at.slice(0, 10))
  expect(either).toEqual(["2026-11-23", "2026-11-30", "2026-12-01"])
  const both = seen(cron("0 9 */2 * 1"), "2026-11-22T15:00Z", NEW_YORK, 2).map((at) => at.slice(0, 10))
  expect(both).toEqual(["2026-11-23", "2026-12-07"])
})

test("a rule keeps its phase, counts skipped days and ends", () => {
  const fortnight = rrule("DTSTART:20261127T170000\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=17;BYMINUTE=0")
  expect(seen(fortnight, "2026-11-28T00:00Z", NEW_YORK, 2)).toEqual([
    "2026-12-11T17:00-05:00",
    "2026-12-25T17:00-05:00",
  ])
  const four = rrule("DTSTART:20270312T023000\nRRULE:FREQ=DAILY;COUNT=4")
  expect(seen(four, "2027-03-10T00:00Z", NEW_YORK, 9)).toEqual([
    "2027-03-12T02:30-05:00",
    "2027-03-13T02:30-05:00",
    "2027-03-14T03:30-04:00",
    "2027-03-15T02:30-04:00",
  ])
  expect(next(four, new Date("2027-03-15T06:30Z"), NEW_YORK)).toBeNull()
  const last = rrule("FREQ=DAILY;BYHOUR=2;BYMINUTE=30;UNTIL=20270314T235959")
  expect(seen(last, "2027-03-14T00:00Z", NEW_YORK, 9)).toEqual(["2027-03-14T03:30-04:00"])
})

test("a single moment is due once, strictly after the given moment", () => {
  const once: Recurrence = { kind: "once", at: "2026-11-24T09:00:00-05:00" }
  expect(next(once, new Date("2026-11-24T13:59:59.999Z"), NEW_YORK)).toEqual(new Date("2026-11-24T14:00Z"))
  expect(next(once, new Date("2026-11-24T14:00Z"), NEW_YORK)).toBeNull()
})

test("an interval is counted from the epoch, so every start gives the same instants", () => {
  const every: Recurrence = { kind: "every", minutes: 7 }
  const late = upcoming(every, new Date("2026-11-22T10:03:11Z"), NEW_YORK, 20)
  const later = upcoming(every, new Date("2026-11-22T11:00:00Z"), NEW_YORK, 5)
  expect(late.map(Number)).toEqual(expect.arrayContaining(later.map(Number)))
  expect(late.every((date) => date.getTime() % (7 * MINUTE) === 0)).toBe(true)
})

test.each([
  { kind: "cron", expr: "0 0 30 2 *" },
  { kind: "cron", expr: "@daily" },
  { kind: "rrule", rule: "FREQ=HOURLY" },
  { kind: "rrule", rule: "FREQ=DAILY;BYHOUR=25" },
  { kind: "rrule", rule: "FREQ=DAILY;COUNT=3" },
  { kind: "rrule", rule: "FREQ=DAILY;BYHOUR=9;BYSECOND=1,2" },
  { kind: "rrule", rule: "DTSTART:20270312T023000Z\nRRULE:FREQ=DAILY" },
  { kind: "rrule", rule: "DTSTART;TZID=Europe/Lisbon:20270312T023000\nRRULE:FREQ=DAILY" },
  { kind: "rrule", rule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1;BYMINUTE=0" },
  { kind: "rrule", rule: "DTSTART:20270312T023000\nRRULE:FREQ=DAILY;UNTIL=20260101T000000" },
  { kind: "rrule", rule: "" },
  { kind: "rrule", rule: "0 8 * * *" },
  { kind: "once", at: "2026-11-24" },
  { kind: "once", at: "2026-11-24T09:00:00" },
  { kind: "every", minutes: 0 },
  { kind: "every", minutes: 1.5 },
  { kind: "every", minutes: 10_081 },
  { kind: "cron", expr: "0 8 * * *", zone: "UTC" },
])("%j is refused", (value) => {
  expect(recurrenceSchema.safeParse(value).success).toBe(false)
})

test("a refused rule's message names the fix", () => {
  const { error } = recurrenceSchema.safeParse({ kind: "rrule", rule: "DTSTART:20270312T023000Z\nRRULE:FREQ=DAILY" })
  expect(error?.issues[0]?.message).toContain("without the final Z")
})

/** Zones whose clock changes by a whole hour, by half an hour, across midnight and never, and any other zone. */
const zones = fc.oneof(
  fc.constantFrom(
    NEW_YORK,
    LORD_HOWE,
    "Europe/Lisbon",
    "America/Nuuk",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Africa/Casablanca",
  ),
  fc.constantFrom(...Intl.supportedValuesOf("timeZone")),
)

/** A moment up to two days before a change of the zone's clock; any moment when the zone has no changes. */
const around = fc
  .tuple(zones, fc.integer({ min: 2005, max: 2035 }), fc.integer({ min: 0, max: 48 * 60 }), fc.boolean())
  .map(([zone, year, before, second]) => {
    const start = Temporal.ZonedDateTime.from({ timeZone: zone, year, month: 1, day: 1 })
    const first = start.getTimeZoneTransition("next")
    const change = (second ? first?.getTimeZoneTransition("next") : first) ?? start
    return { zone, from: change.epochMilliseconds - before * MINUTE }
  })

const some = (low: number, high: number, most: number) =>
  fc.uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: most })
const star = fc.constant(null)

interface Fields {
  minutes: number[]
  hours: number[] | null
  days: number[] | null
  months: number[] | null
  weekdays: number[] | null
}

/** The fields of an expression as sets, so that the brute force does not depend on the reader under test. */
const fields: fc.Arbitrary<Fields> = fc.record({
  minutes: fc.oneof(some(0, 59, 4), fc.constant<number[]>([0, 15, 30, 45])),
  hours: fc.oneof(some(0, 23, 3), some(0, 3, 3), star),
  days: fc.oneof({ weight: 3, arbitrary: star }, { weight: 1, arbitrary: some(1, 31, 12) }),
  months: fc.oneof({ weight: 3, arbitrary: star }, { weight: 1, arbitrary: some(1, 12, 9) }),
  weekdays: fc.oneof({ weight: 2, arbitrary: star }, { weight: 1, arbitrary: some(0, 6, 4) }),
})

const exprOf = (f: Fields) =>
  [f.minutes, f.hours, f.days, f.months, f.weekdays].map((list) => list?.join(",") ?? "*").join(" ")

function matches(f: Fields, wall: Temporal.PlainDateTime): boolean {
  const has = (list: number[] | null, value: number) => list === null || list.includes(value)
  const day = has(f.days, wall.day)
  const weekday = has(f.weekdays, wall.dayOfWeek % 7)
  const onDay = f.days !== null && f.weekdays !== null ? day || weekday : day && weekday
  return onDay && has(f.months, wall.month) && has(f.hours, wall.hour) && f.minutes.includes(wall.minute)
}

/** The instants in (from, until] that a scan of every minute finds. */
function scanned(f: Fields, from: number, until: number, zone: string): number[] {
  const found =
    f.hours === null || f.hours.length === 24
      ? byRealMinutes(f, from, until, zone)
      : byWallMinutes(f, from, until, zone)
  return [...new Set(found)].filter((at) => at > from && at <= until).sort((a, b) => a - b)
}

function byRealMinutes(f: Fields, from: number, until: number, zone: string): number[] {
  const minutes = Array.from(
    { length: (until - from) / MINUTE + 2 },
    (_, index) => Math.floor(from / MINUTE + index) * MINUTE,
  )
  return minutes.filter((at) =>
    matches(f, Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDateTime()),
  )
}

/** Begins one day earlier, because a skipped day moves its times into the next day. */
function byWallMinutes(f: Fields, from: number, until: number, zone: string): number[] {
  const first = Temporal.Instant.fromEpochMilliseconds(from - 26 * HOUR)
    .toZonedDateTimeISO(zone)
    .toPlainDateTime()
  let wall = first.round({ smallestUnit: "minute", roundingMode: "floor" })
  const found: number[] = []
  for (let step = 0; step * MINUTE <= until - from + 52 * HOUR; step += 1, wall = wall.add({ minutes: 1 }))
    if (matches(f, wall)) found.push(wall.toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds)
  return found
}

test("cron finds exactly what a scan of every minute finds, around the changes of any zone", () => {
  fc.assert(
    fc.property(around, fields, ({ zone, from }, f) => {
      const until = from + 60 * HOUR
      const found: number[] = []
      let at = next(cron(exprOf(f)), new Date(from), zone)
      while (at !== null && at.getTime() <= until) {
        found.push(at.getTime())
        at = next(cron(exprOf(f)), at, zone)
      }
      expect(found).toEqual(scanned(f, from, until, zone))
    }),
    { numRuns: 120 },
  )
})

const recurrences: fc.Arbitrary<Recurrence> = fc.oneof(
  fields.map((f) => cron(exprOf({ ...f, days: null, months: null }))),
  fc.integer({ min: 1, max: 1440 }).map((minutes): Recurrence => ({ kind: "every", minutes })),
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 3 }), some(0, 59, 3))
    .map(([n, hour, minutes]) =>
      rrule(`DTSTART:20040101T000000\nRRULE:FREQ=DAILY;INTERVAL=${n};BYHOUR=${hour};BYMINUTE=${minutes}`),
    ),
)

test("due instants ascend strictly, and one step at a time gives the same as a list", () => {
  fc.assert(
    fc.property(around, recurrences, ({ zone, from }, recurrence) => {
      const listed = upcoming(recurrence, new Date(from), zone, 12)
      let at = new Date(from)
      for (const date of listed) {
        expect(date.getTime()).toBeGreaterThan(at.getTime())
        expect(next(recurrence, at, zone)).toEqual(date)
        at = date
      }
    }),
    { numRuns: 120 },
  )
})

test("after an outage every due instant either runs late or is recorded as missed, exactly once", () => {
  const outage = fc.integer({ min: 0, max: 96 * 60 })
  fc.assert(
    fc.property(
      around,
      recurrences,
      outage,
      fc.integer({ min: 0, max: 12 }),
      ({ zone, from }, recurrence, minutes, hours) => {
        const now = from + minutes * MINUTE
        const catchUpMs = hours * HOUR
        const due: number[] = []
        for (
          let at = next(recurrence, new Date(from), zone);
          at !== null && at.getTime() <= now;
          at = next(recurrence, at, zone)
        )
          due.push(at.getTime())
        const result = missed(recurrence, new Date(from), new Date(now), zone, { catchUpMs })
        const latest = due.at(-1)
        const late = latest !== undefined && now - latest <= catchUpMs
        expect(result.run?.getTime()).toBe(late ? latest : undefined)
        expect(result.count).toBe(due.length - (late ? 1 : 0))
        expect(result.missed.map(Number)).toEqual((late ? due.slice(0, -1) : due).slice(0, 1000))
      },
    ),
    { numRuns: 60 },
  )
})

test("by default a digest six hours late is still sent, and a later one is not", () => {
  const eight = cron("0 8 * * *")
  const yesterday = new Date("2026-11-21T13:00Z")
  expect(missed(eight, yesterday, new Date("2026-11-22T19:00Z"), NEW_YORK)).toEqual({
    run: new Date("2026-11-22T13:00Z"),
    missed: [],
    count: 0,
  })
  expect(missed(eight, yesterday, new Date("2026-11-22T19:00:00.001Z"), NEW_YORK).run).toBeNull()
})

test("a long outage lists the first thousand instants and counts all, and going on after the last listed one loses none", () => {
  const minutely = cron("* * * * *")
  const now = new Date("2026-11-22T12:00Z")
  let from = new Date("2026-11-20T12:00Z")
  const all: number[] = []
  for (;;) {
    const { run, missed: listed, count } = missed(minutely, from, now, NEW_YORK)
    all.push(...listed.map(Number))
    if (count === listed.length) {
      expect(run).toEqual(now)
      break
    }
    expect(listed).toHaveLength(1000)
    from = listed.at(-1) ?? now
  }
  expect(new Set(all).size).toBe(2 * 24 * 60 - 1)
  expect(all).toHaveLength(2 * 24 * 60 - 1)
})
