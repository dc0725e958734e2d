import { describe, expect, test } from "vitest"
import { quietText, quietUntil, readQuiet } from "../../../src/schedule/recurrence/quiet.ts"

const ends = (now: string, zone: string | null, hours: string | null = null) =>
  quietUntil(new Date(now), { zone, hours })?.toISOString() ?? null

describe("quiet hours are read from words", () => {
  test.each([
    ["22:00-07:00", "22:00-07:00"],
    [" 9:30 - 17:05 ", "09:30-17:05"],
    ["22:00 to 7:00", "22:00-07:00"],
    ["OFF", "off"],
    ["none", "off"],
    ["22-7", null],
    ["24:00-07:00", null],
    ["22:60-07:00", null],
    ["08:00-08:00", null],
    ["at night", null],
    ["", null],
  ])("%j: %j", (words, stored) => expect(readQuiet(words)).toBe(stored))
})

describe("on a day without a change of the clock", () => {
  test.each([
    ["the minute before they begin", "2026-01-10T20:59:59Z", null],
    ["the moment they begin", "2026-01-10T21:00:00Z", "2026-01-11T08:00:00.000Z"],
    ["before midnight", "2026-01-10T23:30:00Z", "2026-01-11T08:00:00.000Z"],
    ["after midnight", "2026-01-11T03:00:00Z", "2026-01-11T08:00:00.000Z"],
    ["the last second", "2026-01-11T07:59:59Z", "2026-01-11T08:00:00.000Z"],
    ["the moment they end", "2026-01-11T08:00:00Z", null],
    ["at noon", "2026-01-11T12:00:00Z", null],
  ])("%s", (_when, now, end) => expect(ends(now, "Europe/Lisbon")).toBe(end))

  test("quiet hours may lie within one day", () => {
    expect(ends("2026-01-11T14:00:00Z", "Europe/Lisbon", "13:00-15:30")).toBe("2026-01-11T15:30:00.000Z")
    expect(ends("2026-01-11T16:00:00Z", "Europe/Lisbon", "13:00-15:30")).toBeNull()
  })

  test("quiet hours follow the person's zone, and there are none without a zone or when they are off", () => {
    expect(ends("2026-01-11T12:00:00Z", "Asia/Tokyo")).toBe("2026-01-11T23:00:00.000Z")
    expect(ends("2026-01-11T03:00:00Z", null)).toBeNull()
    expect(ends("2026-01-11T03:00:00Z", "Europe/Lisbon", "off")).toBeNull()
  })
})

describe("on the days when the clocks change", () => {
  test.each([
    [
      "spring, New York, the evening before: one hour of real time less",
      "2026-03-08T02:00:00Z",
      "America/New_York",
      null,
      "2026-03-08T12:00:00.000Z",
    ],
    [
      "spring, just before eight on the new clock",
      "2026-03-08T11:59:59Z",
      "America/New_York",
      null,
      "2026-03-08T12:00:00.000Z",
    ],
    ["spring, eight on the new clock", "2026-03-08T12:00:00Z", "America/New_York", null, null],
    [
      "autumn, the evening before: one hour of real time more",
      "2026-11-01T01:00:00Z",
      "America/New_York",
      null,
      "2026-11-01T13:00:00.000Z",
    ],
    [
      "autumn, the second 1:30 of the night",
      "2026-11-01T06:30:00Z",
      "America/New_York",
      null,
      "2026-11-01T13:00:00.000Z",
    ],
    ["autumn, eight on the new clock", "2026-11-01T13:00:00Z", "America/New_York", null, null],
    [
      "spring, an end that the clocks skip",
      "2026-03-08T06:00:00Z",
      "America/New_York",
      "22:00-02:30",
      "2026-03-08T07:30:00.000Z",
    ],
    [
      "autumn, an end that comes twice is the first",
      "2026-11-01T05:10:00Z",
      "America/New_York",
      "22:00-01:30",
      "2026-11-01T05:30:00.000Z",
    ],
    [
      "autumn, the second pass of that hour is not quiet again",
      "2026-11-01T06:10:00Z",
      "America/New_York",
      "22:00-01:30",
      null,
    ],
    ["spring, Lisbon", "2026-03-29T03:00:00Z", "Europe/Lisbon", null, "2026-03-29T07:00:00.000Z"],
    ["autumn, Lisbon", "2026-10-25T03:00:00Z", "Europe/Lisbon", null, "2026-10-25T08:00:00.000Z"],
  ])("%s", (_when, now, zone, hours, end) => expect(ends(now, zone, hours)).toBe(end))
})

test("quiet hours are described in words", () => {
  expect(quietText({ zone: "Europe/Lisbon", hours: null })).toBe("Quiet hours: 21:00-08:00 (Europe/Lisbon).")
  expect(quietText({ zone: "Europe/Lisbon", hours: "off" })).toBe("Quiet hours: off.")
  expect(quietText({ zone: null, hours: null })).toMatch(/until I know your time zone/)
})
