import { expect, test } from "vitest"
import { LIMITS, type LoopParts, loop } from "../../../src/agent/turn/loop.ts"
import type { Message, ModelResult } from "../../../src/model/model.ts"

const usage = { input: 1, cached: 0, output: 1 }
const answer = (text: string): ModelResult => ({
  text,
  toolCalls: [],
  finish: "stop",
  usage,
  cost: 0,
  provider: "t",
  model: "t",
})
const calling = (name: string, args = "{}"): ModelResult => ({
  ...answer(""),
  finish: "tool_calls",
  toolCalls: [{ id: crypto.randomUUID(), name, arguments: args }],
})

function parts(results: ModelResult[], over: Partial<LoopParts> = {}): LoopParts & { asked: Message[][] } {
  const asked: Message[][] = []
  return {
    asked,
    ask: async (messages) => {
      asked.push([...messages])
      return results.shift() ?? answer("end")
    },
    call: async (call) => `did ${call.name}`,
    steer: async () => [],
    elapsed: () => 0,
    ...over,
  }
}
const hello: Message[] = [{ role: "user", text: "hello" }]

test("an answer without tool calls ends the loop", async () => {
  expect(await loop(hello, parts([answer("hi")]))).toEqual({ end: "answer", text: "hi" })
})

test("the model reads what its calls gave, in order", async () => {
  const p = parts([calling("one"), answer("done")])
  expect(await loop(hello, p)).toEqual({ end: "answer", text: "done" })
  expect(p.asked[1]?.map((m) => [m.role, m.text])).toEqual([
    ["user", "hello"],
    ["assistant", null],
    ["tool", "did one"],
  ])
})

test("an answer overtaken by new words is not taken for said: the next one answers all of them", async () => {
  const said = [["wait"], []]
  const p = parts([answer("first"), answer("second")], {
    steer: async () => (said.shift() ?? []).map((text) => ({ role: "user" as const, text })),
  })
  expect(await loop(hello, p)).toEqual({ end: "answer", text: "second" })
  expect(p.asked[1]?.map((m) => m.text)).toEqual(["hello", "wait"])
})

test.each([
  ["steps", { steps: 3 }, () => calling("x", String(Math.random()))],
  ["tool_calls", { toolCalls: 2 }, () => calling("x", String(Math.random()))],
  ["same_call", { sameCall: 2 }, () => calling("x")],
] as const)("the loop stops at its limit of %s", async (which, limit, next) => {
  const p = parts(Array.from({ length: 10 }, next))
  expect(await loop(hello, p, { ...LIMITS, ...limit })).toEqual({ end: "limit", which })
})

test("no call is made once a limit would be passed by it", async () => {
  let calls = 0
  const p = parts([calling("x"), calling("x"), calling("x")], { call: async () => String(++calls) })
  await loop(hello, p, { ...LIMITS, sameCall: 2 })
  expect(calls).toBe(2)
})

test("the loop stops when its time is up", async () => {
  expect(await loop(hello, parts([answer("late")], { elapsed: () => LIMITS.wallMs + 1 }))).toEqual({
    end: "limit",
    which: "wall",
  })
})
