import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Fenced } from "../../src/base/errors.ts"
import { newId } from "../../src/base/ids.ts"
import { append, brokenLinks, type Entry, entriesOf } from "../../src/journal/journal.ts"
import { ownSpine } from "../support/own.ts"
import { text } from "../support/spine.ts"
import { working } from "../support/work.ts"

const s = await ownSpine()

const entry = (over: Partial<Entry> = {}): Entry => ({
  n: 0,
  phase: "outcome",
  kind: "tool",
  name: "post",
  opId: newId(),
  replay: "pure",
  ...over,
})

describe("an entry", () => {
  test("is read back as it was written, in order", async () => {
    const { runId, fence } = await working(s)
    const intent = entry({ phase: "intent", argsHash: "h", request: { args: { n: 1 } } })
    const outcome = entry({ result: { ok: true }, inputTokens: 10, cachedTokens: 4, outputTokens: 2, costUsd: 0.25 })
    await append(s.db, runId, fence, [intent, outcome])
    await append(s.db, runId, fence, [entry({ n: 1, kind: "note", name: "later" })])
    expect(await entriesOf(s.db, runId)).toMatchObject([intent, outcome, { n: 1, kind: "note", name: "later" }])
  })

  test("has no cost when its price is unknown, and zero when it was free", async () => {
    const { runId, fence } = await working(s)
    await append(s.db, runId, fence, [entry({ n: 0, costUsd: null }), entry({ n: 1, costUsd: 0 }), entry({ n: 2 })])
    expect((await entriesOf(s.db, runId)).map(({ costUsd }) => costUsd)).toEqual([null, 0, null])
  })

  test("keeps any JSON value whole", async () => {
    const { runId, fence } = await working(s)
    let n = 0
    const storable = fc
      .jsonValue({ noUnicodeString: false })
      .filter((value) => !JSON.stringify(value).includes("\\u0000"))
    await fc.assert(
      fc.asyncProperty(storable, async (value) => {
        const result = JSON.parse(JSON.stringify(value))
        await append(s.db, runId, fence, [entry({ n: ++n, result })])
        expect((await entriesOf(s.db, runId)).at(-1)?.result).toEqual(result)
      }),
      { numRuns: 30 },
    )
  })

  test.each(["update journal set name = 'other'", "delete from journal", "truncate journal"])(
    "refuses %s (J1)",
    async (statement) => {
      const { runId, fence } = await working(s)
      await append(s.db, runId, fence, [entry()])
      await expect(s.db.script(statement)).rejects.toThrow("append-only")
      expect(await entriesOf(s.db, runId)).toHaveLength(1)
    },
  )

  test("of another run is not among the entries of a run", async () => {
    const [a, b] = [await working(s), await working(s)]
    await append(s.db, a.runId, a.fence, [entry({ name: "mine" })])
    expect(await entriesOf(s.db, b.runId)).toEqual([])
  })
})

describe("an append", () => {
  test("returns what the thread's row says now: whether messages came in, or a stop", async () => {
    const { runId, fence, threadKey } = await working(s)
    const before = await append(s.db, runId, fence, [])
    await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
    expect(await append(s.db, runId, fence, [])).toEqual({ nextSeq: before.nextSeq + 1, stopSeq: before.nextSeq })
  })

  test("of a phase that is written already is refused, so no step has two outcomes (J4)", async () => {
    const { runId, fence } = await working(s)
    await append(s.db, runId, fence, [entry({ result: { first: true } })])
    await expect(append(s.db, runId, fence, [entry({ result: { second: true } })])).rejects.toMatchObject({
      code: "23505",
    })
    expect(await entriesOf(s.db, runId)).toMatchObject([{ result: { first: true } }])
  })

  test("of several entries writes all or none (J3)", async () => {
    const { runId, fence } = await working(s)
    await append(s.db, runId, fence, [entry({ n: 1 })])
    await expect(append(s.db, runId, fence, [entry({ n: 0 }), entry({ n: 1 })])).rejects.toThrow()
    expect((await entriesOf(s.db, runId)).map(({ n }) => n)).toEqual([1])
  })

  test.each([
    ["an older epoch", { epoch: -1 }],
    ["a newer epoch", { epoch: 1 }],
    ["another owner", { owner: newId() }],
    ["another thread", { threadId: newId() }],
  ])(
    "with %s writes nothing (J2)",
    async (_whose, { epoch = 0, ...other }: { epoch?: number; owner?: string; threadId?: string }) => {
      const { runId, fence } = await working(s)
      const wrong = { ...fence, ...other, epoch: fence.epoch + epoch }
      await expect(append(s.db, runId, wrong, [entry()])).rejects.toBeInstanceOf(Fenced)
      expect(await entriesOf(s.db, runId)).toEqual([])
    },
  )

  test("after the thread was released writes nothing (J2)", async () => {
    const { runId, fence } = await working(s)
    await s.leases.release(fence)
    await expect(append(s.db, runId, fence, [entry()])).rejects.toBeInstanceOf(Fenced)
  })
})

describe("the chain of hashes", () => {
  /** Changes the journal as a person with the password of the database could. */
  const tamper = (statement: string) =>
    s.db.script(
      `alter table journal disable trigger journal_rows; ${statement}; alter table journal enable trigger journal_rows`,
    )
  async function threeEntries() {
    const w = await working(s)
    await append(s.db, w.runId, w.fence, [entry({ n: 0 }), entry({ n: 1 })])
    await append(s.db, w.runId, w.fence, [entry({ n: 2, result: { paid: 5 } })])
    return w
  }

  test("holds while nobody tampers", async () => {
    const { runId } = await threeEntries()
    expect(await brokenLinks(s.db, runId)).toEqual([])
  })

  test.each([
    ["a result is changed", "update journal set result = '{\"paid\":6}' where n = 2", 1],
    ["a request is added", "update journal set request = '{}' where n = 0", 1],
    ["a name is changed", "update journal set name = 'other' where n = 1", 1],
    ["a row in the middle is removed", "delete from journal where n = 1", 1],
    ["the first row is removed", "delete from journal where n = 0", 1],
  ])("shows when %s (J5)", async (_what, statement, broken) => {
    const { runId } = await threeEntries()
    await tamper(`${statement} and run_id = '${runId}'`)
    expect(await brokenLinks(s.db, runId)).toHaveLength(broken)
  })

  test("does not show when only the newest row is removed", async () => {
    const { runId } = await threeEntries()
    await tamper(`delete from journal where n = 2 and run_id = '${runId}'`)
    expect(await brokenLinks(s.db, runId)).toEqual([])
  })

  test("is checked for one run or for all", async () => {
    const [whole, broken] = [await threeEntries(), await threeEntries()]
    await tamper(`update journal set name = 'x' where n = 2 and run_id = '${broken.runId}'`)
    expect(await brokenLinks(s.db, whole.runId)).toEqual([])
    expect((await brokenLinks(s.db)).map((link) => link.runId)).toContain(broken.runId)
  })
})
