import { describe, expect, test } from "vitest"
import type { Budget } from "../../../src/agent/durable/budget.ts"
import { Cancelled } from "../../../src/agent/durable/signals.ts"
import { Limit, Retry } from "../../../src/base/errors.ts"
import { type Label, OWNER_LABEL, UNTRUSTED_LABEL } from "../../../src/base/label.ts"
import { entriesOf } from "../../../src/journal/journal.ts"
import type { ModelRequest, ModelResult } from "../../../src/model/model.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"
import { stepsOf, takeAway, working } from "../../support/work.ts"

const request: ModelRequest = { system: "s", messages: [{ role: "user", text: "hi" }], tools: [], maxOutput: 10 }
const result: ModelResult = {
  text: "hello",
  toolCalls: [],
  finish: "stop",
  usage: { input: 10, cached: 4, output: 5 },
  cost: 0.25,
  provider: "t",
  model: "m1",
}
const free: Budget = { reserve: async () => {}, settle: async () => {} }

const s = await ownSpine()

async function atWork() {
  const w = await working(s)
  /** The run's steps as a worker that comes to it now takes them up. */
  const open = (over: Parameters<typeof stepsOf>[2] = {}) => stepsOf(s, w, { ask: async () => result, ...over })
  const say = (words: string, label: Label = OWNER_LABEL) =>
    s.inbox.accept(text(words, { threadKey: w.threadKey, label }))
  return { ...w, open, say, journal: () => entriesOf(s.db, w.runId) }
}

describe("a note", () => {
  test("S5 is made once a run, whoever goes on with it", async () => {
    const { open } = await atWork()
    let made = 0
    const make = async () => ({ random: ++made })
    const first = await open()
    expect(await first.note("dice", make)).toEqual({ random: 1 })
    await first.flush()
    expect(await (await open()).note("dice", make)).toEqual({ random: 1 })
  })

  test("that failed to be made is not kept, and is made by the next try", async () => {
    const { open, journal } = await atWork()
    const first = await open()
    await expect(first.note("dice", async () => Promise.reject(new Retry("away")))).rejects.toThrow("away")
    await first.flush()
    expect(await journal()).toEqual([])
    expect(await (await open()).note("dice", async () => 6)).toBe(6)
  })
})

describe("a model call", () => {
  test("S6 is in the journal before the model is asked", async () => {
    const { open, journal } = await atWork()
    let before: unknown[] = []
    const ask = async () => {
      before = await journal()
      return result
    }
    await (await open({ ask })).model("reply", request)
    expect(before).toMatchObject([
      { phase: "intent", kind: "model", name: "reply", request: { messages: 1, tools: 0 } },
    ])
  })

  test("S6 is not made when its intent cannot be written", async () => {
    const { open, threadId } = await atWork()
    let asked = 0
    const ask = async () => {
      asked++
      return result
    }
    const steps = await open({ ask })
    await takeAway(s, threadId)
    await expect(steps.model("reply", request)).rejects.toMatchObject({ code: "fenced" })
    expect(asked).toBe(0)
  })

  test("S5 is answered once: the next life of the run gets the same answer without asking", async () => {
    const { open } = await atWork()
    const first = await open()
    await first.model("reply", request)
    await first.flush()
    const ask = async () => Promise.reject(new Error("asked again"))
    expect(await (await open({ ask })).model("reply", request)).toEqual(result)
  })

  test("that was lost is made again with the same operation id, without a second intent", async () => {
    const { open, journal } = await atWork()
    const reserved: string[] = []
    const budget = { ...free, reserve: async (opId: string) => void reserved.push(opId) }
    const ask = async () => Promise.reject(new Error("killed"))
    await expect((await open({ ask, budget })).model("reply", request)).rejects.toThrow("killed")
    await (await open({ budget })).model("reply", request)
    expect(reserved[0]).toBe(reserved[1])
    expect((await journal()).filter((entry) => entry.phase === "intent")).toHaveLength(1)
  })

  test("keeps its tokens and its cost", async () => {
    const { open, journal } = await atWork()
    const steps = await open()
    await steps.model("reply", request)
    await steps.flush()
    expect((await journal()).at(-1)).toMatchObject({ inputTokens: 10, cachedTokens: 4, outputTokens: 5, costUsd: 0.25 })
  })

  test("S6 reserves its budget first, and settles what it cost", async () => {
    const { open } = await atWork()
    const order: string[] = []
    const budget: Budget = {
      reserve: async () => void order.push("reserve"),
      settle: async (_op, { cost }) => void order.push(`settle ${cost}`),
    }
    const ask = async () => {
      order.push("ask")
      return result
    }
    await (await open({ ask, budget })).model("reply", request)
    expect(order).toEqual(["reserve", "ask", "settle 0.25"])
  })

  test("over the cap is not made", async () => {
    const { open } = await atWork()
    let asked = 0
    const budget = { ...free, reserve: async () => Promise.reject(new Limit("day", "used up")) }
    const ask = async () => {
      asked++
      return result
    }
    await expect((await open({ ask, budget })).model("reply", request)).rejects.toMatchObject({ code: "limit_day" })
    expect(asked).toBe(0)
  })

  test("ends with the run: it gets the run's signal", async () => {
    const { open } = await atWork()
    const run = new AbortController()
    const ask = async ({ signal }: ModelRequest) => {
      run.abort(new Cancelled())
      signal?.throwIfAborted()
      return result
    }
    await expect((await open({ ask, signal: run.signal })).model("reply", request)).rejects.toBeInstanceOf(Cancelled)
  })
})

const texts = (said: { text: string }[]) => said.map(({ text }) => text)

describe("what people say meanwhile", () => {
  test("S7 is handed out once, oldest first", async () => {
    const { open, say } = await atWork()
    const steps = await open()
    await say("one")
    await say("two")
    await steps.flush()
    expect([texts(await steps.steer()), texts(await steps.steer())]).toEqual([["one", "two"], []])
  })

  test("S7 is handed out again to who goes on with the run, at the same place", async () => {
    const { open, say } = await atWork()
    const first = await open()
    await first.note("a", async () => 1)
    await say("one")
    await first.flush()
    await first.steer()
    await first.note("b", async () => 2)
    await first.flush()
    const again = await open()
    const gone = [await again.note("a", async () => 0), await again.steer(), await again.note("b", async () => 0)]
    expect(gone).toMatchObject([1, [{ text: "one" }], 2])
  })

  test("S7 is handed out again at the same place when its own worker goes through the run again", async () => {
    const { open, say } = await atWork()
    const steps = await open()
    await say("one")
    await steps.flush()
    await steps.steer()
    await steps.model("reply", request)
    await steps.rewind(steps.drain())
    expect(await steps.steer()).toMatchObject([{ text: "one" }])
    expect(await steps.model("reply", request)).toEqual(result)
    await steps.flush()
  })

  test("S8 lowers the run's label by what it is", async () => {
    const { open, say } = await atWork()
    const steps = await open()
    await say("one", UNTRUSTED_LABEL)
    await steps.flush()
    await steps.steer()
    expect(steps.label()).toEqual({ integrity: "untrusted", confidentiality: "private" })
  })

  test("lowers it again when the run is gone through again", async () => {
    const { open, say } = await atWork()
    const first = await open()
    await say("one", UNTRUSTED_LABEL)
    await first.flush()
    await first.steer()
    const again = await open()
    await again.steer()
    expect(again.label().integrity).toBe("untrusted")
  })

  test("is nothing when nobody said anything, and costs no statement", async () => {
    const { open, threadId } = await atWork()
    const steps = await open()
    await takeAway(s, threadId)
    expect(await steps.steer()).toEqual([])
  })
})

test("S8 a label only ever falls", async () => {
  const steps = await (await atWork()).open()
  steps.taint(UNTRUSTED_LABEL)
  steps.taint(OWNER_LABEL)
  expect(steps.label()).toEqual({ integrity: "untrusted", confidentiality: "private" })
})

describe("a model that a run can do without", () => {
  const away = async () => Promise.reject(new Retry("the model is away", { code: "model_away" }))

  test("is given up in the trace, and not asked again by whoever goes on with the run", async () => {
    const { open, journal } = await atWork()
    const first = await open({ ask: away })
    expect(await first.modelOrNull("classify", request)).toBeNull()
    await first.flush()
    expect(await journal()).toMatchObject([
      { n: 0, phase: "intent", kind: "model", name: "classify" },
      { n: 0, phase: "resolution", result: { ok: false, code: "model_away", message: "the model is away" } },
    ])
    const second = await open()
    expect(await second.modelOrNull("classify", request)).toBeNull()
    expect(await second.note("decision", async () => "by rules")).toBe("by rules")
  })

  test("is asked by the next worker when this one was told to stop", async () => {
    const { open } = await atWork()
    const stopping = await open({ ask: away, signal: AbortSignal.abort() })
    await expect(stopping.modelOrNull("classify", request)).rejects.toThrow("away")
    expect(await (await open()).modelOrNull("classify", request)).toMatchObject({ text: "hello" })
  })

  test("answers like any other when it is there", async () => {
    const { open, journal } = await atWork()
    const first = await open()
    expect(await first.modelOrNull("classify", request)).toMatchObject({ text: "hello" })
    await first.flush()
    expect((await journal()).map(({ phase }) => phase)).toEqual(["intent", "outcome"])
  })
})
