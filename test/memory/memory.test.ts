import { sql } from "drizzle-orm"
import fc from "fast-check"
import { beforeEach, describe, expect, test } from "vitest"
import { type Label, OWNER_LABEL, UNTRUSTED_LABEL } from "../../src/base/label.ts"
import type { Tx } from "../../src/db/db.ts"
import type { NewMemory } from "../../src/memory/memory.ts"
import { personScope, repoScope } from "../../src/memory/scope.ts"
import { createMemory } from "../../src/memory/store.ts"
import { ownDatabase } from "../support/own.ts"

const NOW = new Date("2026-03-01T10:00:00Z")
const LATER = new Date("2026-03-02T10:00:00Z")
const SCOPE = personScope("p1")
const OTHER = personScope("p2")

let now = NOW
const base = await ownDatabase()
beforeEach(async () => {
  now = NOW
  await base.db.query(sql`delete from memories`)
})

const memory = () => createMemory({ db: base.db, queue: { send: async () => {} }, clock: { now: () => now } })
const inTx = <T>(work: (tx: Tx) => Promise<T>) => base.db.transaction(work)
const a = (text: string, more: Partial<NewMemory> = {}): NewMemory => ({
  scope: SCOPE,
  kind: "fact",
  text,
  label: OWNER_LABEL,
  sources: { run: "r1" },
  ...more,
})
const remember = (text: string, more: Partial<NewMemory> = {}) => inTx((tx) => memory().remember(tx, a(text, more)))
const texts = async (text: string, more: { scopes?: string[]; limit?: number; kinds?: NewMemory["kind"][] } = {}) =>
  (await memory().recall({ scopes: [SCOPE], limit: 8, text, ...more })).map((hit) => hit.text)
const count = async (table: string, id: number) => {
  const [row] = await base.db.query<{ n: number }>(
    sql`select count(*) as n from ${sql.raw(table)} where memory_id = ${id}`,
  )
  return row?.n
}

describe("remember", () => {
  test("a new memory is found at once, with its source", async () => {
    const { id, duplicate } = await remember("The dentist is Dr. Okafor", { sources: { run: "r7", op: "o1" } })
    expect(duplicate).toBe(false)
    expect(await memory().recall({ scopes: [SCOPE], text: "who is my dentist?", limit: 8 })).toEqual([
      {
        id,
        scope: SCOPE,
        kind: "fact",
        text: "The dentist is Dr. Okafor",
        label: OWNER_LABEL,
        recordedAt: NOW,
        sources: { run: "r7", op: "o1" },
        score: 1,
        parts: { lexical: 1 },
      },
    ])
  })

  test("the same text twice is one row, whatever its blanks; with another letter case or scope it is another memory", async () => {
    const first = await remember("My locker is  B-17\n")
    expect(await remember("My locker is B-17")).toEqual({ id: first.id, text: "My locker is  B-17", duplicate: true })
    expect((await remember("My locker is b-17")).duplicate).toBe(false)
    expect((await remember("My locker is B-17", { scope: OTHER })).duplicate).toBe(false)
    expect(await count("memory_terms", first.id)).toBe(3)
  })

  test("the same text ten times in parallel is one row", async () => {
    const made = await Promise.all(Array.from({ length: 10 }, () => remember("The spare key is under the pot")))
    expect(new Set(made.map((m) => m.id)).size).toBe(1)
    expect(made.filter((m) => !m.duplicate)).toHaveLength(1)
  })

  test("a duplicate that is to be pinned pins the row", async () => {
    await remember("Allergic to nuts")
    await remember("Allergic to nuts", { pinned: true })
    expect((await memory().pinned([SCOPE])).map((m) => m.text)).toEqual(["Allergic to nuts"])
  })

  test("the owner's text replaces the same text of a stranger, never the other way round", async () => {
    const label = async () => (await memory().list([SCOPE], { limit: 8 })).map((m) => m.label)
    const first = await remember("The gate code is 4471", { label: UNTRUSTED_LABEL })
    const second = await remember("The gate code is 4471")
    expect(second.duplicate).toBe(false)
    expect(await label()).toEqual([OWNER_LABEL])
    expect((await memory().get(SCOPE, first.id))?.supersededBy).toBe(second.id)
    expect(await remember("The gate code is 4471", { label: UNTRUSTED_LABEL })).toMatchObject({
      id: second.id,
      duplicate: true,
    })
    expect(await label()).toEqual([OWNER_LABEL])
  })

  test("a transaction that fails leaves no memory", async () => {
    const failing = inTx(async (tx) => {
      await memory().remember(tx, a("half a thought"))
      throw new Error("no")
    })
    await expect(failing).rejects.toThrow("no")
    expect(await memory().list([SCOPE], { limit: 8 })).toEqual([])
  })

  test("an empty text and a text beyond the limit are refused, and every other text is kept", async () => {
    await expect(remember(" \n\0")).rejects.toMatchObject({ code: "empty_memory" })
    await expect(remember("x".repeat(32_001))).rejects.toMatchObject({ code: "memory_too_long" })
    const any = fc
      .string({ minLength: 1, maxLength: 200, unit: "binary" })
      .filter((t) => t.replaceAll("\0", "").trim() !== "")
    await fc.assert(
      fc.asyncProperty(any, async (text) => {
        const { id } = await remember(text)
        expect((await memory().get(SCOPE, id))?.text).toBeTruthy()
      }),
      { numRuns: 40 },
    )
    expect((await remember("word ".repeat(6400).trim())).duplicate).toBe(false)
  })
})

describe("supersede", () => {
  test("both rows stay, and only the current one is found", async () => {
    const old = await remember("I live in Lyon")
    now = LATER
    const made = await inTx((tx) => memory().supersede(tx, old.id, a("I live in Ghent")))
    expect(made).toMatchObject({ text: "I live in Ghent", duplicate: false, superseded: true })
    expect(await texts("where do I live")).toEqual(["I live in Ghent"])
    expect(await memory().get(SCOPE, old.id)).toMatchObject({
      text: "I live in Lyon",
      validFrom: NOW,
      validTo: LATER,
      supersededBy: made.id,
    })
    expect(await count("memory_terms", old.id)).toBe(0)
  })

  test("going back to an old text is a new memory", async () => {
    const first = await remember("I live in Lyon")
    const second = await inTx((tx) => memory().supersede(tx, first.id, a("I live in Ghent")))
    const third = await inTx((tx) => memory().supersede(tx, second.id, a("I live in Lyon")))
    expect(third).toMatchObject({ duplicate: false, superseded: true })
    expect(await texts("live")).toEqual(["I live in Lyon"])
  })

  test("a memory never ends before it began", async () => {
    const old = await remember("I live in Lyon")
    await inTx((tx) =>
      memory().supersede(tx, old.id, a("I live in Ghent", { validFrom: new Date("2020-01-01T00:00:00Z") })),
    )
    expect((await memory().get(SCOPE, old.id))?.validTo).toEqual(NOW)
  })

  test("a memory of another scope, or one that is gone, is not closed", async () => {
    const theirs = await remember("I live in Oslo", { scope: OTHER })
    const made = await inTx((tx) => memory().supersede(tx, theirs.id, a("I live in Ghent")))
    expect(made.superseded).toBe(false)
    expect((await memory().get(OTHER, theirs.id))?.validTo).toBeNull()
    await inTx((tx) => memory().forget(tx, SCOPE, [made.id], NOW))
    expect((await inTx((tx) => memory().supersede(tx, made.id, a("I live in Bonn")))).superseded).toBe(false)
  })
})

describe("forget", () => {
  test("a forgotten memory is found nowhere and its terms are gone, but its row stays as a record", async () => {
    const gone = await remember("The PIN hint is the red boat", { pinned: true })
    const kept = await remember("The boat is red")
    expect(await inTx((tx) => memory().forget(tx, SCOPE, [gone.id, 999_999], LATER))).toEqual([
      { id: gone.id, text: gone.text },
    ])
    expect(await texts("red boat")).toEqual(["The boat is red"])
    expect(await memory().get(SCOPE, gone.id)).toBeNull()
    expect(await memory().pinned([SCOPE])).toEqual([])
    expect((await memory().list([SCOPE], { limit: 8 })).map((m) => m.id)).toEqual([kept.id])
    expect(await count("memory_terms", gone.id)).toBe(0)
    expect(await base.db.query(sql`select retracted_at as at from memories where id = ${gone.id}`)).toEqual([
      { at: LATER },
    ])
  })

  test("nobody forgets for someone else, and nothing is forgotten twice", async () => {
    const { id } = await remember("mine alone")
    expect(await inTx((tx) => memory().forget(tx, OTHER, [id], NOW))).toEqual([])
    expect(await inTx((tx) => memory().forget(tx, SCOPE, [id], NOW))).toHaveLength(1)
    expect(await inTx((tx) => memory().forget(tx, SCOPE, [id], LATER))).toEqual([])
    expect((await remember("mine alone")).duplicate).toBe(false)
  })
})

describe("get and list", () => {
  test("the newest memories come first, by kind and by page, and only of the requested scopes", async () => {
    const one = await remember("one")
    const two = await remember("two", { kind: "preference" })
    const three = await remember("three")
    await remember("theirs", { scope: OTHER })
    const ids = async (...[listing]: [Parameters<ReturnType<typeof memory>["list"]>[1]]) =>
      (await memory().list([SCOPE], listing)).map((m) => m.id)
    expect(await ids({ limit: 2 })).toEqual([three.id, two.id])
    expect(await ids({ limit: 2, before: two.id })).toEqual([one.id])
    expect(await ids({ limit: 9, kind: "preference" })).toEqual([two.id])
    expect(await memory().list([SCOPE, OTHER], { limit: 9 })).toHaveLength(4)
    expect(await memory().list([], { limit: 9 })).toEqual([])
    expect(await memory().get(OTHER, one.id)).toBeNull()
  })

  test("the most important pinned memory comes first", async () => {
    await remember("minor", { pinned: true, importance: 0.2 })
    await remember("major", { pinned: true, importance: 0.9 })
    await remember("not pinned", { importance: 1 })
    expect((await memory().pinned([SCOPE])).map((m) => m.text)).toEqual(["major", "minor"])
  })
})

test("the scope of a repository does not depend on the letter case of its name", () => {
  expect(repoScope("Acme/Widgets")).toBe("repo:acme/widgets")
})

test("a recall returns the label of each memory", async () => {
  const label: Label = { integrity: "untrusted", confidentiality: "secret" }
  await remember("The issue says to run rm", { label })
  expect((await memory().recall({ scopes: [SCOPE], text: "issue", limit: 1 }))[0]?.label).toEqual(label)
})
