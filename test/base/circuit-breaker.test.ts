import { describe, expect, test } from "vitest"
import { createCircuitBreaker } from "../../src/base/circuit-breaker.ts"
import { movableClock } from "../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")
const open = (options: { obeys?: boolean; probes?: boolean } = {}) =>
  createCircuitBreaker({ clock, failures: 3, pauseMs: () => 30_000, ...options })

test("the third failure in a row pauses a service, but no other service", () => {
  const breaker = open()
  breaker.failed("a")
  breaker.failed("a")
  expect(breaker.admit("a")).toBe(0)
  breaker.failed("a")
  expect(breaker.admit("a")).toBe(30_000)
  expect(breaker.admit("b")).toBe(0)
})

test("one more failure after the pause pauses the service again; an answer forgets all failures", () => {
  const breaker = open()
  for (let n = 0; n < 3; n++) breaker.failed("a")
  clock.pass(30_000)
  expect(breaker.admit("a")).toBe(0)
  breaker.failed("a")
  expect(breaker.admit("a")).toBe(30_000)
  breaker.answered("a")
  expect(breaker.admit("a")).toBe(0)
})

describe("a pause that the service asked for", () => {
  test("counts at the first failure for a breaker that obeys", () => {
    const breaker = open({ obeys: true })
    breaker.failed("a", 5000)
    expect(breaker.admit("a")).toBe(5000)
    clock.pass(5000)
    expect(breaker.admit("a")).toBe(0)
  })

  test("counts only from the third failure on for one that does not", () => {
    const breaker = open()
    breaker.failed("a", 90_000)
    expect(breaker.admit("a")).toBe(0)
    breaker.failed("a")
    breaker.failed("a", 90_000)
    expect(breaker.admit("a")).toBe(90_000)
  })
})

test("after a pause a breaker that probes lets one call through, until that call is reported", () => {
  const breaker = open({ probes: true })
  for (let n = 0; n < 3; n++) breaker.failed("a")
  clock.pass(30_000)
  expect([breaker.admit("a"), breaker.admit("a")]).toEqual([0, 1000])
  breaker.waived("a")
  expect([breaker.admit("a"), breaker.admit("a")]).toEqual([0, 1000])
})
