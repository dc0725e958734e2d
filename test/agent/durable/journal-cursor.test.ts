import { describe, expect, test } from "vitest"
import { Cancelled } from "../../../src/agent/durable/signals.ts"
import { Fenced } from "../../../src/base/errors.ts"
import { type Entry, entriesOf } from "../../../src/journal/journal.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"
import { cursorOf, takeAway, working } from "../../support/work.ts"

const s = await ownSpine()

async function atWork(scrub?: (text: string) => string) {
  const w = await working(s)
  /** The run's cursor as a worker that comes to it now reads it. */
  const open = () => cursorOf(s, w, scrub)
  return { ...w, open, cursor: await open(), journal: () => entriesOf(s.db, w.runId) }
}

function outcome({ n, opId }: { n: number; opId: string }, result: unknown, over: Partial<Entry> = {}): Entry {
  return { n, phase: "outcome", kind: "note", name: "look", opId, replay: "pure", result, ...over }
}

describe("a step", () => {
  test("C4 has the next number, and an operation id that every life of the run gives it again", async () => {
    const { cursor, open } = await atWork()
    const steps = [cursor.next("note", "a"), cursor.next("tool", "b")]
    const again = await open()
    expect(steps.map((step) => step.n)).toEqual([0, 1])
    expect([again.next("note", "a").opId, again.next("tool", "b").opId]).toEqual(steps.map((step) => step.opId))
  })

  test("C4 has an operation id of its own, in this run and in any other", async () => {
    const [a, b] = [await atWork(), await atWork()]
    const ids = [a.cursor.next("note", "x"), a.cursor.next("note", "x"), b.cursor.next("note", "x")].map(
      (step) => step.opId,
    )
    expect(new Set(ids).size).toBe(3)
  })

  test("C1 that was recorded is handed back with what it gave", async () => {
    const { cursor, open } = await atWork()
    await cursor.write([outcome(cursor.next("note", "look"), { seen: 7 })])
    const { before } = (await open()).next("note", "look")
    expect(before.outcome).toMatchObject({ result: { seen: 7 } })
  })

  test("C1 that was begun and not ended is handed back with its intent alone", async () => {
    const { cursor, open } = await atWork()
    const { n, opId } = cursor.next("tool", "post")
    await cursor.write([
      { n, opId, phase: "intent", kind: "tool", name: "post", replay: "unsafe", request: { to: "a" } },
    ])
    const { before } = (await open()).next("tool", "post")
    expect([before.intent?.request, before.outcome]).toEqual([{ to: "a" }, undefined])
  })

  test.each([
    ["another name", "note", "listen"],
    ["another kind", "tool", "look"],
  ] as const)("C2 that the code now wants under %s is refused with both named", async (_what, kind, name) => {
    const { cursor, open } = await atWork()
    await cursor.write([outcome(cursor.next("note", "look"), 1)])
    const again = await open()
    expect(() => again.next(kind, name)).toThrow(
      expect.objectContaining({
        code: "diverged",
        message: `step 0 was note look, the code now wants ${kind} ${name}`,
      }),
    )
  })

  test("at which a person was asked may be the call that was asked about", async () => {
    const { cursor, open } = await atWork()
    const { n, opId } = cursor.next("tool", "post")
    await cursor.write([{ n, opId, phase: "intent", kind: "wait", name: "post", replay: "pure" }])
    expect((await open()).next("tool", "post").before.intent).toMatchObject({ kind: "wait" })
  })
})

describe("what is kept", () => {
  test("C3 is written with the next write, before it", async () => {
    const { cursor, journal } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), "first"))
    expect(await journal()).toEqual([])
    await cursor.write([outcome(cursor.next("note", "look"), "second")])
    expect((await journal()).map((entry) => entry.result)).toEqual(["first", "second"])
  })

  test("C3 is written once", async () => {
    const { cursor, journal } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), 1))
    await cursor.write([])
    await cursor.write([])
    expect(await journal()).toHaveLength(1)
  })

  test("and not yet written is handed out for the statement that ends the run, once", async () => {
    const { cursor } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), 1))
    expect([cursor.drain().length, cursor.drain().length]).toEqual([1, 0])
  })

  test("C3 is still there after a write that failed", async () => {
    const { cursor, threadId } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), 1))
    await takeAway(s, threadId)
    await expect(cursor.write([])).rejects.toBeInstanceOf(Fenced)
    expect(cursor.drain()).toHaveLength(1)
  })

  test("is given back after a rewind as if it had been read from the journal", async () => {
    const { cursor } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), { seen: 7 }))
    await cursor.write([outcome(cursor.next("note", "look"), { seen: 8 })])
    cursor.rewind()
    expect(
      [cursor.next("note", "look"), cursor.next("note", "look")].map(({ before }) => before.outcome?.result),
    ).toEqual([{ seen: 7 }, { seen: 8 }])
  })

  test("is given back after a drain and a rewind", async () => {
    const { cursor } = await atWork()
    cursor.keep(outcome(cursor.next("note", "look"), { seen: 7 }))
    cursor.drain()
    cursor.rewind()
    expect(cursor.next("note", "look").before.outcome?.result).toEqual({ seen: 7 })
  })
})

describe("a look ahead", () => {
  test("goes nowhere", async () => {
    const { cursor } = await atWork()
    expect([cursor.ahead().n, cursor.ahead().n, cursor.next("note", "a").n]).toEqual([0, 0, 0])
  })

  test("with a skip passes the step", async () => {
    const { cursor } = await atWork()
    cursor.skip()
    expect(cursor.next("note", "a").n).toBe(1)
  })
})

describe("a write", () => {
  test("C6 takes secrets out of requests and results", async () => {
    const { cursor, journal } = await atWork((words) => words.replaceAll("sk-canary", "[gone]"))
    const step = cursor.next("note", "look")
    cursor.keep(outcome(step, { deep: ["sk-canary"] }, { request: { key: "sk-canary" } }))
    await cursor.write([])
    expect(await journal()).toMatchObject([{ request: { key: "[gone]" }, result: { deep: ["[gone]"] } }])
  })

  test("C3 of a worker that lost the thread is refused", async () => {
    const { cursor, threadId, journal } = await atWork()
    await takeAway(s, threadId)
    await expect(cursor.write([outcome(cursor.next("note", "look"), 1)])).rejects.toBeInstanceOf(Fenced)
    expect(await journal()).toEqual([])
  })

  test("C5 after the person said stop is written, and then ends the run", async () => {
    const { cursor, threadKey, journal } = await atWork()
    await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
    await expect(cursor.write([outcome(cursor.next("note", "look"), 1)])).rejects.toBeInstanceOf(Cancelled)
    expect(await journal()).toHaveLength(1)
  })

  test("C5 inside a transaction leaves the stop for the next one, so that what is being committed stays", async () => {
    const { cursor, threadKey, journal } = await atWork()
    await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
    await s.db.transaction((tx) => cursor.write([outcome(cursor.next("note", "look"), 1)], tx))
    expect(await journal()).toHaveLength(1)
    await expect(cursor.write([])).rejects.toBeInstanceOf(Cancelled)
  })

  test("learns that messages came in", async () => {
    const { cursor, threadKey } = await atWork()
    const before = cursor.latest()
    await s.inbox.accept(text("more", { threadKey }))
    await cursor.write([])
    expect(cursor.latest()).toBe(before + 1)
  })
})
