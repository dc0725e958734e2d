import { describe, expect, test } from "vitest"
import { Cancelled } from "../../../src/agent/durable/signals.ts"
import { Fenced } from "../../../src/base/errors.ts"
import { type Entry, entriesOf } from "../../../src/journal/journal.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"
import { takeAway, tapeOf, working } from "../../support/work.ts"

const s = await ownSpine()

async function atWork(scrub?: (text: string) => string) {
  const w = await working(s)
  /** The run's tape as a worker that comes to it now reads it. */
  const open = () => tapeOf(s, w, scrub)
  return { ...w, open, tape: await open(), journal: () => entriesOf(s.db, w.runId) }
}

function outcome({ n, opId }: { n: number; opId: string }, result: unknown, over: Partial<Entry> = {}): Entry {
  return { n, phase: "outcome", kind: "note", name: "look", opId, replay: "pure", result, ...over }
}

describe("a step", () => {
  test("has the next number, and an operation id that every life of the run gives it again", async () => {
    const { tape, open } = await atWork()
    const steps = [tape.next("note", "a"), tape.next("tool", "b")]
    const again = await open()
    expect(steps.map((step) => step.n)).toEqual([0, 1])
    expect([again.next("note", "a").opId, again.next("tool", "b").opId]).toEqual(steps.map((step) => step.opId))
  })

  test("has an operation id of its own, in this run and in any other", async () => {
    const [a, b] = [await atWork(), await atWork()]
    const ids = [a.tape.next("note", "x"), a.tape.next("note", "x"), b.tape.next("note", "x")].map((step) => step.opId)
    expect(new Set(ids).size).toBe(3)
  })

  test("that was recorded is handed back with what it gave", async () => {
    const { tape, open } = await atWork()
    await tape.write([outcome(tape.next("note", "look"), { seen: 7 })])
    const { before } = (await open()).next("note", "look")
    expect(before.outcome).toMatchObject({ result: { seen: 7 } })
  })

  test("that was begun and not ended is handed back with its intent alone", async () => {
    const { tape, open } = await atWork()
    const { n, opId } = tape.next("tool", "post")
    await tape.write([{ n, opId, phase: "intent", kind: "tool", name: "post", replay: "unsafe", request: { to: "a" } }])
    const { before } = (await open()).next("tool", "post")
    expect([before.intent?.request, before.outcome]).toEqual([{ to: "a" }, undefined])
  })

  test.each([
    ["another name", "note", "listen"],
    ["another kind", "tool", "look"],
  ] as const)("that the code now wants under %s is refused with both named", async (_what, kind, name) => {
    const { tape, open } = await atWork()
    await tape.write([outcome(tape.next("note", "look"), 1)])
    const again = await open()
    expect(() => again.next(kind, name)).toThrow(
      expect.objectContaining({
        code: "diverged",
        message: `step 0 was note look, the code now wants ${kind} ${name}`,
      }),
    )
  })

  test("at which a person was asked may be the call that was asked about", async () => {
    const { tape, open } = await atWork()
    const { n, opId } = tape.next("tool", "post")
    await tape.write([{ n, opId, phase: "intent", kind: "wait", name: "post", replay: "pure" }])
    expect((await open()).next("tool", "post").before.intent).toMatchObject({ kind: "wait" })
  })
})

describe("what is kept", () => {
  test("is written with the next write, before it", async () => {
    const { tape, journal } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), "first"))
    expect(await journal()).toEqual([])
    await tape.write([outcome(tape.next("note", "look"), "second")])
    expect((await journal()).map((entry) => entry.result)).toEqual(["first", "second"])
  })

  test("is written once", async () => {
    const { tape, journal } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), 1))
    await tape.write([])
    await tape.write([])
    expect(await journal()).toHaveLength(1)
  })

  test("and not yet written is handed out for the statement that ends the run, once", async () => {
    const { tape } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), 1))
    expect([tape.drain().length, tape.drain().length]).toEqual([1, 0])
  })

  test("is still there after a write that failed", async () => {
    const { tape, threadId } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), 1))
    await takeAway(s, threadId)
    await expect(tape.write([])).rejects.toBeInstanceOf(Fenced)
    expect(tape.drain()).toHaveLength(1)
  })

  test("is given back after a rewind as if it had been read from the journal", async () => {
    const { tape } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), { seen: 7 }))
    await tape.write([outcome(tape.next("note", "look"), { seen: 8 })])
    tape.rewind()
    expect([tape.next("note", "look"), tape.next("note", "look")].map(({ before }) => before.outcome?.result)).toEqual([
      { seen: 7 },
      { seen: 8 },
    ])
  })

  test("is given back after a drain and a rewind", async () => {
    const { tape } = await atWork()
    tape.keep(outcome(tape.next("note", "look"), { seen: 7 }))
    tape.drain()
    tape.rewind()
    expect(tape.next("note", "look").before.outcome?.result).toEqual({ seen: 7 })
  })
})

describe("a look ahead", () => {
  test("goes nowhere", async () => {
    const { tape } = await atWork()
    expect([tape.ahead().n, tape.ahead().n, tape.next("note", "a").n]).toEqual([0, 0, 0])
  })

  test("with a skip passes the step", async () => {
    const { tape } = await atWork()
    tape.skip()
    expect(tape.next("note", "a").n).toBe(1)
  })
})

describe("a write", () => {
  test("takes secrets out of requests and results", async () => {
    const { tape, journal } = await atWork((words) => words.replaceAll("sk-canary", "[gone]"))
    const step = tape.next("note", "look")
    tape.keep(outcome(step, { deep: ["sk-canary"] }, { request: { key: "sk-canary" } }))
    await tape.write([])
    expect(await journal()).toMatchObject([{ request: { key: "[gone]" }, result: { deep: ["[gone]"] } }])
  })

  test("of a worker that lost the thread is refused", async () => {
    const { tape, threadId, journal } = await atWork()
    await takeAway(s, threadId)
    await expect(tape.write([outcome(tape.next("note", "look"), 1)])).rejects.toBeInstanceOf(Fenced)
    expect(await journal()).toEqual([])
  })

  test("after the person said stop is written, and then ends the run", async () => {
    const { tape, threadKey, journal } = await atWork()
    await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
    await expect(tape.write([outcome(tape.next("note", "look"), 1)])).rejects.toBeInstanceOf(Cancelled)
    expect(await journal()).toHaveLength(1)
  })

  test("inside a transaction leaves the stop for the next one, so that what is being committed stays", async () => {
    const { tape, threadKey, journal } = await atWork()
    await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
    await s.db.transaction((tx) => tape.write([outcome(tape.next("note", "look"), 1)], tx))
    expect(await journal()).toHaveLength(1)
    await expect(tape.write([])).rejects.toBeInstanceOf(Cancelled)
  })

  test("learns that messages came in", async () => {
    const { tape, threadKey } = await atWork()
    const before = tape.latest()
    await s.inbox.accept(text("more", { threadKey }))
    await tape.write([])
    expect(tape.latest()).toBe(before + 1)
  })
})
