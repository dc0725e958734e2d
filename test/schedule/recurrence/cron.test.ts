import { expect, test } from "vitest"
import { readCron } from "../../../src/schedule/recurrence/cron.ts"

test("fields take lists, ranges, steps and names", () => {
  const fields = readCron("*/20 9-11,23 1,15 JAN-mar,12 mon,5-7")
  expect(fields).toMatchObject({ minutes: [0, 20, 40], hours: [9, 10, 11, 23], days: [1, 15], months: [1, 2, 3, 12] })
  expect(fields.weekdays).toEqual([0, 1, 5, 6])
})

test("a step from a value runs to the end of the field, and 7 is Sunday too", () => {
  expect(readCron("50/5 0 * * 7")).toMatchObject({ minutes: [50, 55], weekdays: [0] })
  expect(readCron("0 0 * * */2").weekdays).toEqual([0, 2, 4, 6])
})

test.each([
  ["", "fewer than five"],
  ["* * * *", "fewer than five"],
  ["0 0 8 * * 1", "more than five"],
  ["60 * * * *", "minute"],
  ["* 24 * * *", "hour"],
  ["* * 0 * *", "day"],
  ["* * * 13 *", "month"],
  ["* * * * 8", "weekday"],
  ["*/0 * * * *", "minute"],
  ["5-1 * * * *", "minute"],
  ["*-5 * * * *", "minute"],
  ["1,,2 * * * *", "minute"],
  ["-1 * * * *", "minute"],
  ["1.5 * * * *", "minute"],
  ["* * L * *", "day"],
  ["* * * foo *", "month"],
  ["0 0 30 2 *", "does not exist"],
  ["0 0 31 4,6,9,11 *", "does not exist"],
])("%j is refused and the message says why", (expr, why) => {
  expect(() => readCron(expr)).toThrow(why)
})

test("a date that exists only in leap years is accepted, and so is an impossible date together with a weekday", () => {
  expect(readCron("0 0 29 2 *").days).toEqual([29])
  expect(readCron("0 0 30 2 1").weekdays).toEqual([1])
})
