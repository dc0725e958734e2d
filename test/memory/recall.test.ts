import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { OWNER_LABEL } from "../../src/base/label.ts"
import { type Bounds, matching } from "../../src/memory/matching.ts"
import type { NewMemory, Query } from "../../src/memory/memory.ts"
import { createMemory } from "../../src/memory/store.ts"
import { ownDatabase } from "../support/own.ts"

const SCOPE = "person:p1"
const clock = { now: () => new Date("2026-03-01T10:00:00Z") }
const base = await ownDatabase()
beforeEach(() => base.db.query(sql`delete from memories`))

const memory = () => createMemory({ db: base.db, queue: { send: async () => {} }, clock })
async function remember(...all: (string | (Partial<NewMemory> & { text: string }))[]): Promise<void> {
  await base.db.transaction(async (tx) => {
    for (const one of all) {
      const input = typeof one === "string" ? { text: one } : one
      await memory().remember(tx, { scope: SCOPE, kind: "fact", label: OWNER_LABEL, sources: {}, ...input })
    }
  })
}
const recall = (text: string, more: Partial<Query> = {}) =>
  memory().recall({ scopes: [SCOPE], limit: 8, text, ...more })
const texts = async (text: string, more: Partial<Query> = {}) => (await recall(text, more)).map((hit) => hit.text)

describe("words", () => {
  test("any word of a question may match, the rarer one weighs more", async () => {
    await remember("Anna likes long walks", "Anna likes tea", "Anna likes jazz", "The ferry leaves at nine")
    expect((await texts("Does Anna take the ferry to work in the morning?"))[0]).toBe("The ferry leaves at nine")
    expect(await texts("Does Anna take the ferry?")).toHaveLength(4)
  })

  test("several words of the question score higher than one of them repeated", async () => {
    await remember("passport passport passport passport", "The passport is in the blue drawer", "The drawer sticks")
    expect((await texts("which drawer holds the passport"))[0]).toBe("The passport is in the blue drawer")
  })

  test("a short text scores higher than a long one with the same word", async () => {
    await remember(
      `The vet, ${"and many other things besides that nobody asked about ".repeat(8)}`,
      "The vet is Dr. Moss",
    )
    expect((await texts("vet"))[0]).toBe("The vet is Dr. Moss")
  })

  test("the scores are those of BM25 with k1 0.3 and b 0.3", async () => {
    await remember("alpha beta gamma", "alpha alpha delta epsilon zeta", "eta theta")
    const bm25 = (terms: [tf: number, df: number][], length: number) =>
      terms.reduce(
        (sum, [tf, df]) =>
          sum + (Math.log(1 + (3 - df + 0.5) / (df + 0.5)) * tf * 1.3) / (tf + 0.3 * (0.7 + (0.3 * length) / (10 / 3))),
        0,
      )
    const first = bm25(
      [
        [1, 2],
        [1, 1],
      ],
      3,
    )
    const second = bm25([[2, 2]], 5)
    const hits = await recall("alpha gamma")
    expect(hits.map((hit) => hit.score)).toEqual([1, expect.closeTo(second / first, 6)])
  })

  test("the neighbours of a memory in its thread help to find it, the nearer the more", async () => {
    const [boat, train] = [{ sources: { thread: "boat" } }, { sources: { thread: "train" } }]
    await remember(
      { text: "We took the ferry to the island", ...boat },
      { text: "It was so cold up on deck", ...boat },
      { text: "It was warm and cold again", ...boat },
      { text: "The train had no seats", ...train },
      { text: "It was so cold in there", ...train },
    )
    const found = await texts("was it cold on the ferry?")
    expect(found).toEqual([
      "We took the ferry to the island",
      "It was so cold up on deck",
      "It was warm and cold again",
      "It was so cold in there",
    ])
  })

  test("a word of the next neighbour counts three tenths of a memory's own word, and at distance two half of that", async () => {
    const thread = { sources: { thread: "t" } }
    await remember({ text: "alpha one two", ...thread }, { text: "beta alpha three", ...thread }, "alpha five six")
    const [rare, common] = [Math.log(1 + 2.5 / 1.5), Math.log(1 + 0.5 / 3.5)]
    const part = (tf: number) => (tf * 1.3) / (tf + 0.3)
    const second = common * part(1.3) + rare
    const first = common * part(1.3) + rare * part(0.3)
    expect((await recall("alpha beta")).map(({ id: _, text, score }) => ({ text, score }))).toEqual([
      { text: "beta alpha three", score: 1 },
      { text: "alpha one two", score: expect.closeTo(first / second, 6) },
      { text: "alpha five six", score: expect.closeTo(common / second, 6) },
    ])
    await remember("nothing of it", { text: "seven eight alpha", ...thread })
    expect((await texts("beta alpha"))[2]).toBe("seven eight alpha")
  })

  test("a neighbour does not count when it has no thread, another thread or another scope, or when it is forgotten", async () => {
    const of = (thread: string) => ({ sources: { thread } })
    await remember("The ferry left", "cold at noon")
    await remember({ text: "The ferry stopped", ...of("a") }, { text: "cold by evening", ...of("b") })
    await remember({ text: "The ferry sank", scope: "person:p2", ...of("c") }, { text: "cold at night", ...of("c") })
    await remember({ text: "The ferry is gone", ...of("d") }, { text: "cold until morning", ...of("d") })
    const gone = (await recall("gone"))[0]?.id ?? 0
    await base.db.transaction((tx) => memory().forget(tx, SCOPE, [gone], clock.now()))
    const cold = (await recall("cold ferry")).filter(({ text }) => text.includes("cold"))
    expect(cold).toHaveLength(4)
    expect(new Set(cold.map(({ score }) => score)).size).toBe(1)
  })

  test("the newest of equal memories comes first", async () => {
    await remember(
      "parked in row 5 of the car park",
      "parked in row 7 of the car park",
      "parked in row 6 of the car park",
    )
    expect(await texts("where is the car parked")).toEqual([
      "parked in row 6 of the car park",
      "parked in row 7 of the car park",
      "parked in row 5 of the car park",
    ])
  })

  test("keys find a memory and are not shown", async () => {
    await remember({ text: "She said yes", keys: "proposal engagement June" })
    expect(await texts("when was the engagement")).toEqual(["She said yes"])
  })

  test.each(["", "  ", "what was it with the and of", "?!", "\0"])(
    "a question without a word that is searched for finds nothing: %j",
    async (text) => {
      await remember("what was it")
      expect(await texts(text)).toEqual([])
    },
  )

  test.each([
    "it's 100% 'quoted'; drop table memories --",
    "a & b | !c <-> d:*",
    "\\ \ud800 walks",
    "walks ".repeat(5000),
  ])("characters with a meaning in SQL or a query language are only words: %#", async (text) => {
    await remember("walks and 100 things quoted")
    expect(await texts(text)).toBeInstanceOf(Array)
    expect(await base.db.query(sql`select 1 from memories`)).toHaveLength(1)
  })
})

describe("bounds", () => {
  test("a search never leaves its scopes", async () => {
    await remember(
      "my secret garden",
      { text: "their secret garden", scope: "person:p2" },
      { text: "a garden issue", scope: "repo:a/b" },
    )
    expect(await texts("garden")).toEqual(["my secret garden"])
    expect((await texts("garden", { scopes: [SCOPE, "repo:a/b"] })).sort()).toEqual([
      "a garden issue",
      "my secret garden",
    ])
    expect(await texts("garden", { scopes: [SCOPE, SCOPE] })).toEqual(["my secret garden"])
    expect(await texts("garden", { scopes: [] })).toEqual([])
  })

  test("only memories of the requested kinds come back", async () => {
    await remember(
      "garden fact",
      { text: "garden preference", kind: "preference" },
      { text: "garden decision", kind: "decision" },
    )
    expect((await texts("garden", { kinds: ["preference", "decision"] })).sort()).toEqual([
      "garden decision",
      "garden preference",
    ])
  })

  test("never more memories than the limit come back", async () => {
    await remember(...Array.from({ length: 12 }, (_, at) => `note ${at}`))
    expect(await recall("note", { limit: 5 })).toHaveLength(5)
    expect(await recall("note", { limit: 0 })).toEqual([])
  })
})

describe("a big scope", () => {
  const matchIn = (bounds: Bounds) => async (text: string) => {
    const found = await matching({ db: base.db, clock, bounds })(text, { scopes: [SCOPE], kinds: null, limit: 100 })
    return (await Promise.all((found ?? []).map(({ id }) => memory().get(SCOPE, id)))).map((row) => row?.text)
  }

  test("the rare words of a question are looked up, and common ones only within the bound on rows", async () => {
    await remember("The zephyr is plain", ...Array.from({ length: 20 }, (_, at) => `common plain ${at}`))
    const match = matchIn({ big: 5, words: 12, postings: 10 })
    expect(await match("common plain zephyr")).toEqual(["The zephyr is plain"])
    expect(await matchIn({ big: 5, words: 12, postings: 100 })("common plain zephyr")).toHaveLength(21)
  })

  test("a common word alone gives its newest memories", async () => {
    await remember(...Array.from({ length: 20 }, (_, at) => `common ${at}`))
    expect(await matchIn({ big: 5, words: 12, postings: 3 })("common")).toEqual(["common 19", "common 18", "common 17"])
  })

  test("a word that was too common to be used is counted again after ten minutes", async () => {
    await remember("The zephyr is plain", ...Array.from({ length: 20 }, (_, at) => `common ${at}`))
    let now = clock.now()
    const match = matching({ db: base.db, clock: { now: () => now }, bounds: { big: 5, words: 12, postings: 10 } })
    const found = () => match("common zephyr", { scopes: [SCOPE], kinds: null, limit: 100 })
    expect(await found()).toHaveLength(1)
    const most = (await recall("common", { limit: 15 })).map(({ id }) => id)
    await base.db.transaction((tx) => memory().forget(tx, SCOPE, most, now))
    expect(await found()).toHaveLength(1)
    now = new Date(now.getTime() + 600_000)
    expect(await found()).toHaveLength(6)
  })

  test("the size of a scope is kept the longer the bigger the scope is, and never that of a small one", async () => {
    await remember("alpha beta", "alpha gamma", "delta")
    const scoreAfter = async (ms: number, big: number) => {
      let now = clock.now()
      const match = matching({ db: base.db, clock: { now: () => now }, bounds: { big, words: 12, postings: 100 } })
      const score = async () => (await match("delta", { scopes: [SCOPE], kinds: null, limit: 1 }))?.[0]?.score
      const before = await score()
      await remember(`epsilon ${ms} ${big}`)
      now = new Date(now.getTime() + ms)
      return before === (await score()) ? "remembered" : "counted"
    }
    expect(await scoreAfter(599_999, 3)).toBe("remembered")
    expect(await scoreAfter(600_000, 3)).toBe("counted")
    expect(await scoreAfter(299_999, 10)).toBe("remembered")
    expect(await scoreAfter(400_000, 10)).toBe("counted")
    expect(await scoreAfter(0, 100)).toBe("counted")
  })

  test("when a question has too many words, the rarest are used; a small scope uses all", async () => {
    await remember("red", "red blue", "red blue green")
    expect(await matchIn({ big: 2, words: 1, postings: 100 })("red blue green")).toEqual(["red blue green"])
    expect(await matchIn({ big: 3, words: 1, postings: 100 })("red blue green")).toHaveLength(3)
  })
})
