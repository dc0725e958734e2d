import fc from "fast-check"
import { expect, test } from "vitest"
import { dayBounds, localDay, localTime, zoneLabel, zoneOf } from "../../../src/schedule/recurrence/zone.ts"

const NEW_YORK = "America/New_York"
const HOUR = 3_600_000

test.each([
  ["America/New_York", NEW_YORK],
  [" america/new_york ", NEW_YORK],
  ["New York", NEW_YORK],
  ["NYC", NEW_YORK],
  ["EST", NEW_YORK],
  ["PST", "America/Los_Angeles"],
  ["San Francisco", "America/Los_Angeles"],
  ["Lisbon", "Europe/Lisbon"],
  ["São Paulo", "America/Sao_Paulo"],
  ["port-au-prince", "America/Port-au-Prince"],
  ["Lord Howe", "Australia/Lord_Howe"],
  ["Asia/Calcutta", "Asia/Kolkata"],
  ["asia/kolkata", "Asia/Kolkata"],
  ["Europe/Kiev", "Europe/Kyiv"],
  ["Japan", "Asia/Tokyo"],
  ["GMT", "UTC"],
  ["utc", "UTC"],
])("%j is the zone %s", (text, zone) => {
  expect(zoneOf(text)).toBe(zone)
})

test.each(["", "nowhere", "US", "IST", "+02:00", "UTC+2", "America/New_Yrok", "../etc/passwd", "12:30", "constructor"])(
  "%j is no zone, and is never taken for UTC",
  (text) => {
    expect(zoneOf(text)).toBeNull()
  },
)

test("every zone is found again by its own label", () => {
  const zones = new Set(Intl.supportedValuesOf("timeZone").map(zoneOf))
  for (const zone of zones) expect(zoneOf(zoneLabel(zone ?? "").replace(/ time$/, ""))).toBe(zone)
  expect(zones.size).toBeGreaterThan(400)
})

test("a moment is shown as the person's clock shows it", () => {
  expect(localTime(new Date("2026-11-24T13:00:00Z"), NEW_YORK)).toBe("Tue 24 Nov, 8:00 AM")
  expect(localTime(new Date("2026-11-24T05:00:00Z"), NEW_YORK)).toBe("Tue 24 Nov, 12:00 AM")
  expect(localTime(new Date("2026-09-01T12:05:00Z"), "Asia/Kolkata")).toBe("Tue 1 Sep, 5:35 PM")
})

test("a day is the person's day, not the server's", () => {
  expect(localDay(new Date("2026-11-23T03:00:00Z"), NEW_YORK)).toBe("2026-11-22")
  expect(localDay(new Date("2026-11-22T20:00:00Z"), "Asia/Tokyo")).toBe("2026-11-23")
})

test.each([
  ["2027-03-14", NEW_YORK, 23],
  ["2027-11-07", NEW_YORK, 25],
  ["2026-11-22", NEW_YORK, 24],
  ["2027-10-03", "Australia/Lord_Howe", 23.5],
  ["2027-04-04", "Australia/Lord_Howe", 24.5],
  // The clock skipped midnight on this day, so the day began at 1:00.
  ["2018-11-04", "America/Sao_Paulo", 23],
])("%s in %s lasts %d hours", (day, zone, hours) => {
  const { from, to } = dayBounds(day, zone)
  expect((to.getTime() - from.getTime()) / HOUR).toBe(hours)
})

test("the bounds of a day contain exactly the instants of that day", () => {
  const zones = fc.constantFrom(...Intl.supportedValuesOf("timeZone"))
  const dates = fc.date({ min: new Date("2000-01-01"), max: new Date("2037-01-01"), noInvalidDate: true })
  fc.assert(
    fc.property(zones, dates, (zone, date) => {
      const day = localDay(date, zone)
      const { from, to } = dayBounds(day, zone)
      expect(from <= date && date < to).toBe(true)
      expect(localDay(new Date(from.getTime() - 1), zone) < day).toBe(true)
      expect(localDay(new Date(to.getTime() - 1), zone)).toBe(day)
      expect(localDay(to, zone) > day).toBe(true)
    }),
    { numRuns: 300 },
  )
})
