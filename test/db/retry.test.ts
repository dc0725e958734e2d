import { expect, test } from "vitest"
import { retryWhileAway } from "../../src/db/retry.ts"

const away = (code: string) => Object.assign(new Error(`no: ${code}`), { code })

/** Fails so often with `error`, then answers. */
function database(times: number, error: Error) {
  let asked = 0
  return {
    asked: () => asked,
    async ask() {
      if (++asked <= times) throw error
      return "here"
    },
  }
}

test("a database that is late is waited for, and that is told once", async () => {
  const { ask, asked } = database(2, away("CONNECT_TIMEOUT"))
  const told: unknown[] = []
  expect(await retryWhileAway(ask, { onWait: (error) => told.push(error) })).toBe("here")
  expect([asked(), told.length]).toEqual([3, 1])
})

test("one that never comes ends the wait with its own words", async () => {
  const { ask, asked } = database(99, away("ECONNREFUSED"))
  await expect(retryWhileAway(ask, { patienceMs: 0 })).rejects.toThrow("no: ECONNREFUSED")
  expect(asked()).toBe(1)
})

test("a wrong address, a wrong password and a wrong schema are told at once", async () => {
  for (const code of ["ENOTFOUND", "28P01", "schema_newer"]) {
    const { ask, asked } = database(9, away(code))
    await expect(retryWhileAway(ask)).rejects.toThrow(code)
    expect(asked()).toBe(1)
  }
})
