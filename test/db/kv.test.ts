import { expect, test } from "vitest"
import { createKv } from "../../src/db/kv.ts"
import { ownDatabase } from "../support/own.ts"

const NOW = new Date("2026-03-01T10:00:00Z")
const LATER = new Date("2026-03-01T11:00:00Z")
let now = NOW
const base = await ownDatabase()
const kv = () => createKv({ db: base.db, clock: { now: () => now } })

test.each([["text"], [12.5], [true], [null], [["a", 1]], [{ a: { b: "ü" } }], [""]])(
  "the value %j comes back as it was",
  async (value) => {
    await kv().set(base.db, "values", "k", value)
    expect((await kv().get("values", "k"))?.value).toEqual(value)
  },
)

test("each write is one more version, and namespaces do not meet", async () => {
  expect(await kv().set(base.db, "versions", "k", 1)).toBe(1)
  expect(await kv().set(base.db, "versions", "k", 2)).toBe(2)
  expect(await kv().get("versions", "k")).toEqual({ key: "k", value: 2, version: 2, updatedAt: NOW, expiresAt: null })
  expect(await kv().get("other", "k")).toBeNull()
})

test("a write over a version that is gone changes nothing", async () => {
  expect(await kv().set(base.db, "cas", "k", "new", { ifVersion: 3 })).toBeNull()
  expect(await kv().set(base.db, "cas", "k", "first", { ifVersion: 0 })).toBe(1)
  expect(await kv().set(base.db, "cas", "k", "twice", { ifVersion: 0 })).toBeNull()
  expect(await kv().set(base.db, "cas", "k", "second", { ifVersion: 1 })).toBe(2)
  expect(await kv().set(base.db, "cas", "k", "late", { ifVersion: 1 })).toBeNull()
  expect((await kv().get("cas", "k"))?.value).toBe("second")
})

test("of many that write over one version at once, one wins", async () => {
  await kv().set(base.db, "race", "k", 0)
  const won = await Promise.all(
    Array.from({ length: 8 }, (_, at) => kv().set(base.db, "race", "k", at, { ifVersion: 1 })),
  )
  expect(won.filter((version) => version !== null)).toEqual([2])
})

test("an expired value is absent everywhere and can be set as new", async () => {
  now = NOW
  await kv().set(base.db, "expiry", "a", 1, { expiresAt: LATER })
  await kv().set(base.db, "expiry", "b", 2)
  expect((await kv().list("expiry")).map((entry) => entry.key)).toEqual(["a", "b"])
  now = LATER
  expect(await kv().get("expiry", "a")).toBeNull()
  expect((await kv().list("expiry")).map((entry) => entry.key)).toEqual(["b"])
  expect(await kv().delete(base.db, "expiry", "a")).toBe(false)
  expect(await kv().set(base.db, "expiry", "a", 3, { ifVersion: 0 })).toBe(2)
  expect(await kv().get("expiry", "a")).toMatchObject({ value: 3, expiresAt: null })
  now = NOW
})

test("a delete says whether there was something, and is part of its transaction", async () => {
  await kv().set(base.db, "gone", "k", 1)
  const failing = base.db.transaction(async (tx) => {
    expect(await kv().delete(tx, "gone", "k")).toBe(true)
    expect(await kv().get("gone", "k", tx)).toBeNull()
    throw new Error("no")
  })
  await expect(failing).rejects.toThrow("no")
  expect(await kv().get("gone", "k")).not.toBeNull()
  expect(await kv().delete(base.db, "gone", "k")).toBe(true)
  expect(await kv().delete(base.db, "gone", "k")).toBe(false)
})
