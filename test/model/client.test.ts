import { LLMock } from "@copilotkit/aimock"
import { describe, expect, onTestFinished, test } from "vitest"
import type { Message } from "../../src/model/model.ts"
import { OFFLINE } from "../../src/model/servers/endpoint.ts"
import { ask, modelOf, WEATHER } from "./requests.ts"
import { chatReply, endpoint, refusal, standIn } from "./stand-in.ts"

const busy = refusal(503, { message: "overloaded" })
const good = chatReply({ content: "hi" })

describe("the list of models", () => {
  test.each([
    ["away", 503, {}],
    ["busy", 429, {}],
    ["out of credit", 429, { code: "insufficient_quota" }],
    ["closed to the key", 401, {}],
    ["not there", 404, {}],
  ])("goes on to the next model when the first is %s", async (_, status, error) => {
    const [first, second] = [await standIn([refusal(status, error)]), await standIn([good])]
    const model = await modelOf([endpoint(first.origin, { model: "one" }), endpoint(second.origin, { model: "two" })])
    expect(await model.ask(ask())).toMatchObject({ text: "hi", model: "two" })
  })

  test.each([
    ["a refused request", 400, { message: "Invalid value" }, "Reject"],
    ["a prompt too long", 400, { code: "context_length_exceeded" }, "Limit"],
  ])("ends at once at %s", async (_, status, error, name) => {
    const [first, second] = [await standIn([refusal(status, error)]), await standIn([good])]
    const model = await modelOf([endpoint(first.origin, { model: "one" }), endpoint(second.origin, { model: "two" })])
    await expect(model.ask(ask())).rejects.toMatchObject({ name })
    expect(second.heard()).toHaveLength(0)
  })

  test("throws a Retry after the shortest pause when every model was away", async () => {
    const [first, second] = [
      await standIn([refusal(429, {}, { "retry-after": "90" })]),
      await standIn([refusal(429, {}, { "retry-after": "30" })]),
    ]
    const model = await modelOf([endpoint(first.origin, { model: "one" }), endpoint(second.origin, { model: "two" })])
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", afterMs: 30_000 })
  })

  test("falls back to the offline rules when they are on the list, but never for a schema", async () => {
    const { origin } = await standIn([busy])
    const model = await modelOf([endpoint(origin), OFFLINE])
    expect(await model.ask(ask())).toMatchObject({ provider: "offline", cost: 0 })
    const schema = { name: "triage", schema: { type: "object" } }
    await expect(model.ask(ask({ schema }))).rejects.toMatchObject({ name: "Retry" })
  })

  test("begins with the model that the request names", async () => {
    const { origin, heard } = await standIn([good])
    const model = await modelOf([endpoint(origin)])
    expect(await model.ask(ask({ model: "bigger" }))).toMatchObject({ model: "bigger" })
    expect(await model.ask(ask({ model: "offline" }))).toMatchObject({ provider: "offline" })
    expect(heard()).toHaveLength(1)
  })

  test("says that a named model needs an endpoint", async () => {
    const model = await modelOf([OFFLINE])
    expect(model.offline).toBe(true)
    await expect(model.ask(ask({ model: "bigger" }))).rejects.toMatchObject({ name: "Misconfigured" })
  })
})

describe("a model that keeps failing", () => {
  test("is left alone for 30 seconds after three failures in a row, then is asked again", async () => {
    let now = new Date("2026-11-22T10:00:00Z").getTime()
    const clock = { now: () => new Date(now) }
    const [first, second] = [await standIn([busy, busy, busy, good]), await standIn([good])]
    const model = await modelOf([endpoint(first.origin, { model: "one" }), endpoint(second.origin, { model: "two" })], {
      clock,
    })
    for (let at = 0; at < 5; at += 1) await model.ask(ask())
    expect(first.heard()).toHaveLength(3)
    now += 30_001
    expect(await model.ask(ask())).toMatchObject({ model: "one" })
  })

  test("says how long it is left alone when there is no other model", async () => {
    const { origin, heard } = await standIn([busy])
    const model = await modelOf([endpoint(origin)])
    for (let at = 0; at < 3; at += 1) await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry" })
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", code: "resting", afterMs: 30_000 })
    expect(heard()).toHaveLength(3)
  })

  test("is still asked when its requests were only refused", async () => {
    const { origin, heard } = await standIn([refusal(400, { message: "Invalid value" })])
    const model = await modelOf([endpoint(origin)])
    for (let at = 0; at < 4; at += 1) await expect(model.ask(ask())).rejects.toMatchObject({ name: "Reject" })
    expect(heard()).toHaveLength(4)
  })
})

describe("estimates", () => {
  test("the estimated cost is above the real one, and covers the most expensive model on the list", async () => {
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(200)
    const usage = { prompt_tokens: 2_000, completion_tokens: 200 }
    const { origin } = await standIn([chatReply({ content: "hi" }, { usage })])
    const request = ask({ system: text })
    const luna = endpoint(origin, { provider: "openai", model: "gpt-6-luna" })
    const cheap = await modelOf([luna])
    const estimate = cheap.estimate(request) ?? 0
    const { cost } = await cheap.ask(request)
    expect(estimate).toBeGreaterThan(cost ?? Number.NaN)
    const withDear = await modelOf([luna, { ...luna, model: "gpt-6-sol" }])
    expect(withDear.estimate(request)).toBeGreaterThan(estimate * 5)
    expect((await modelOf([OFFLINE])).estimate(request)).toBe(0)
  })

  test("the tokens of a text follow the counts of the provider", async () => {
    const usage = { prompt_tokens: 4_500, completion_tokens: 1 }
    const { origin } = await standIn([chatReply({ content: "hi" }, { usage })])
    const model = await modelOf([endpoint(origin)])
    const text = "word ".repeat(1_800)
    expect(model.tokens(text)).toBe(2_500)
    for (let at = 0; at < 20; at += 1) await model.ask(ask({ system: text }))
    expect(model.tokens(text)).toBeGreaterThan(4_200)
    expect(model.tokens(text)).toBeLessThan(4_700)
    expect(model.tokens("你好".repeat(100))).toBeGreaterThanOrEqual(100)
  })
})

describe("against a mock of the real APIs", () => {
  async function mocked(): Promise<LLMock> {
    const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" })
    await mock.start()
    onTestFinished(() => mock.stop())
    return mock
  }

  test.each(["chat", "responses"] as const)(
    "the %s dialect calls a tool and answers from its result",
    async (dialect) => {
      const mock = await mocked()
      mock.on(
        { userMessage: "Lisbon", hasToolResult: false },
        { toolCalls: [{ name: "weather", arguments: '{"place":"Lisbon"}' }] },
      )
      mock.on(
        { userMessage: "Lisbon", hasToolResult: true },
        {
          content: "It is sunny in Lisbon.",
          usage: { prompt_tokens: 90, completion_tokens: 9, input_tokens: 90, output_tokens: 9 },
        },
      )
      const model = await modelOf([endpoint(mock.url, { provider: "openai", model: "gpt-6-luna", dialect })])
      const messages: Message[] = [{ role: "user", text: "How is Lisbon?" }]
      const first = await model.ask(ask({ messages, tools: [WEATHER] }))
      expect(first).toMatchObject({
        finish: "tool_calls",
        toolCalls: [{ name: "weather", arguments: '{"place":"Lisbon"}' }],
      })
      const [call] = first.toolCalls
      messages.push({
        role: "assistant",
        text: first.text,
        toolCalls: first.toolCalls,
        ...(first.state === undefined ? {} : { state: first.state }),
      })
      messages.push({ role: "tool", callId: call?.id ?? "", name: "weather", text: '{"ok":true,"sky":"sunny"}' })
      const second = await model.ask(ask({ messages, tools: [WEATHER] }))
      expect(second).toMatchObject({ text: "It is sunny in Lisbon.", finish: "stop" })
      expect(second.cost).toBeGreaterThan(0)
    },
  )

  test("a single 500 is a Retry, and the next ask gets an answer", async () => {
    const mock = await mocked()
    mock.onMessage("hello", { content: "Hi!" })
    mock.nextRequestError(500, { message: "oops" })
    const model = await modelOf([endpoint(mock.url)])
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry" })
    expect((await model.ask(ask())).text).toBe("Hi!")
  })
})
