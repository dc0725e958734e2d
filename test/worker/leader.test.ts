import { sql } from "drizzle-orm"
import { afterEach, beforeAll, describe, expect, test } from "vitest"
import { systemClock } from "../../src/base/clock.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Db } from "../../src/db/db.ts"
import { createKv } from "../../src/db/kv.ts"
import { createLeader } from "../../src/worker/leader.ts"
import { ownDatabase } from "../support/own.ts"
import { movableClock } from "../support/schedule.ts"

const database = await ownDatabase()
let db: Db
beforeAll(async () => {
  // The embedded database stands in for the shared one: the statements do the same on both.
  db = { ...database.db, kind: "postgres" }
})

const clock = movableClock("2026-11-22T12:00:00Z")
let ends: AbortController[] = []
let endings: Promise<void>[] = []
afterEach(async () => {
  for (const end of ends) end.abort()
  await Promise.all(endings)
  ends = []
  endings = []
  await db.query(sql`delete from kv`)
})

/** A process that wants to lead. Its sleeps last until the test wakes it. */
function process(owner: string, via: Db = db) {
  const end = new AbortController()
  ends.push(end)
  const sleeping: { ms: number; wake: () => void }[] = []
  const seen: string[] = []
  const sleep = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve()
      sleeping.push({ ms, wake: resolve })
      signal.addEventListener("abort", () => resolve(), { once: true })
    })
  const kv = createKv({ db: via, clock })
  const asLeader = createLeader({ db: via, kv, clock, log: silentLog, owner, sleep })
  const work = async (signal: AbortSignal) => {
    seen.push("works")
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
    seen.push("stopped")
  }
  const done = asLeader("poll", work, end.signal)
  endings.push(done)
  return {
    seen,
    done,
    end: () => end.abort(),
    isAsleepFor: (ms: number) => sleeping.some((one) => one.ms === ms),
    /** Ends all sleeps of this process. */
    wake: () => {
      for (const { wake } of sleeping.splice(0)) wake()
    },
  }
}

const soon = (what: () => unknown) => expect.poll(what, { timeout: 60_000 })

test("one of two processes works; the other waits, and takes over when the first ends", async () => {
  const first = process("first")
  await soon(() => first.seen).toEqual(["works"])
  const second = process("second")
  await soon(() => second.isAsleepFor(2000)).toBe(true)
  second.wake()
  await soon(() => second.isAsleepFor(2000)).toBe(true)
  expect(second.seen).toEqual([])
  first.end()
  await first.done
  expect(first.seen).toEqual(["works", "stopped"])
  second.wake()
  await soon(() => second.seen).toEqual(["works"])
})

test("a leader that does not renew for ten seconds is followed by another, and stops when it wakes", async () => {
  const first = process("first")
  await soon(() => first.seen).toEqual(["works"])
  clock.pass(9000)
  const second = process("second")
  await soon(() => second.isAsleepFor(2000)).toBe(true)
  clock.pass(1000)
  second.wake()
  await soon(() => second.seen).toEqual(["works"])
  expect(first.seen).toEqual(["works"])
  first.wake()
  await soon(() => first.seen).toEqual(["works", "stopped"])
  expect(second.seen).toEqual(["works"])
})

test("a leader that renews keeps its right, however long", async () => {
  const first = process("first")
  await soon(() => first.seen).toEqual(["works"])
  const second = process("second")
  for (let round = 0; round < 4; round++) {
    await soon(() => first.isAsleepFor(3000)).toBe(true)
    clock.pass(3000)
    first.wake()
    await soon(() => first.isAsleepFor(3000)).toBe(true)
    await soon(() => second.isAsleepFor(2000)).toBe(true)
    second.wake()
  }
  expect([first.seen, second.seen]).toEqual([["works"], []])
})

test("a database that is away for a moment changes nothing; for longer than the right lasts, the work stops", async () => {
  let away = false
  const query: Db["query"] = (statement) => (away ? Promise.reject(new Error("away")) : db.query(statement))
  const first = process("first", { ...db, query })
  await soon(() => first.seen).toEqual(["works"])
  away = true
  for (let round = 0; round < 3; round++) {
    await soon(() => first.isAsleepFor(3000)).toBe(true)
    clock.pass(3000)
    first.wake()
  }
  await soon(() => first.isAsleepFor(3000)).toBe(true)
  expect(first.seen).toEqual(["works"])
  clock.pass(3000)
  first.wake()
  await soon(() => first.seen).toEqual(["works", "stopped"])
  away = false
  await soon(() => first.isAsleepFor(2000)).toBe(true)
  clock.pass(10_000)
  first.wake()
  await soon(() => first.seen).toEqual(["works", "stopped", "works"])
})

describe("work that ends by itself", () => {
  const asLeader = () => createLeader({ db, kv: createKv({ db, clock }), clock, log: silentLog, owner: "one" })

  test("is not begun again", async () => {
    let times = 0
    await asLeader()("poll", async () => void times++, new AbortController().signal)
    expect(times).toBe(1)
  })

  test("with an error throws it, and leaves the right to the next process", async () => {
    const failing = asLeader()("poll", () => Promise.reject(new Error("a wrong token")), new AbortController().signal)
    await expect(failing).rejects.toThrow("a wrong token")
    const next = process("next")
    await soon(() => next.seen).toEqual(["works"])
  })
})

test("on the embedded database the one process works without a right", async () => {
  const nothing = () => Promise.reject(new Error("asked"))
  const embedded: Db = { ...db, kind: "pglite", query: nothing }
  const kv = createKv({ db: embedded, clock: systemClock })
  let times = 0
  const asLeader = createLeader({ db: embedded, kv, clock: systemClock, log: silentLog, owner: "one" })
  await asLeader("poll", async () => void times++, new AbortController().signal)
  expect(times).toBe(1)
})
