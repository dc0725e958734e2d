import { expect, test } from "vitest"
import { retry } from "../../src/base/retry.ts"

/** Work that fails this many times and then returns how often it was called. */
function failing(times: number) {
  let tries = 0
  return async () => {
    tries++
    if (tries <= times) throw new Error(`failure ${tries}`)
    return tries
  }
}

test("work that fails is repeated until it succeeds, and each failure is reported with its number", async () => {
  const told: [string, number][] = []
  const pauseMs = (error: unknown, tries: number) => {
    told.push([String(error), tries])
    return 0
  }
  expect(await retry(failing(2), { pauseMs })).toBe(3)
  expect(told).toEqual([
    ["Error: failure 1", 1],
    ["Error: failure 2", 2],
  ])
})

test("an error that no other try can mend is thrown at once", async () => {
  await expect(retry(failing(3), { pauseMs: (_error, tries) => (tries < 2 ? 0 : null) })).rejects.toThrow("failure 2")
})

test("a signal ends the wait for the next try, and the last error is thrown", async () => {
  const stop = new AbortController()
  const pauseMs = () => {
    queueMicrotask(() => stop.abort())
    return 3_600_000
  }
  await expect(retry(failing(9), { pauseMs, signal: stop.signal })).rejects.toThrow("failure 1")
})

test("no try begins once the signal has fired", async () => {
  const pauseMs = () => 0
  await expect(retry(failing(9), { pauseMs, signal: AbortSignal.abort() })).rejects.toThrow("failure 1")
})
