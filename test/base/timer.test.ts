import { expect, test } from "vitest"
import { periodic } from "../../src/base/timer.ts"
import { movableClock } from "../support/schedule.ts"

const clock = movableClock("2026-11-22T12:00:00Z")

test("periodic work is done at most once in its interval, also when the clock was set back", async () => {
  let done = 0
  const chore = periodic(10_000, clock, async () => {
    done += 1
  })
  await chore()
  await chore()
  clock.pass(9_999)
  await chore()
  expect(done).toBe(1)
  clock.pass(1)
  await chore()
  expect(done).toBe(2)
  clock.pass(-60_000)
  await chore()
  expect(done).toBe(3)
})

test("periodic work is never done twice at the same time", async () => {
  const held = Promise.withResolvers<void>()
  let done = 0
  const chore = periodic(0, clock, async () => {
    done += 1
    await held.promise
  })
  const first = chore()
  await chore()
  expect(done).toBe(1)
  held.resolve()
  await first
})

test("periodic work that failed is done again at the next call", async () => {
  let tries = 0
  const chore = periodic(60_000, clock, async () => {
    tries += 1
    if (tries === 1) throw new Error("not now")
  })
  await expect(chore()).rejects.toThrow("not now")
  await chore()
  await chore()
  expect(tries).toBe(2)
})
