import { describe, expect, test } from "vitest"
import { NOT_EXECUTED } from "../../../src/model/dialects/transcript.ts"
import type { Message } from "../../../src/model/model.ts"
import { toolCall } from "../../support/chat-model.ts"
import { ask, modelOf, WEATHER } from "../requests.ts"
import { chatReply, endpoint, standIn } from "../stand-in.ts"

const SCHEMA = {
  name: "triage",
  schema: { type: "object", properties: { kind: { type: "string" } }, required: ["kind"], additionalProperties: false },
}
const user = (text: string): Message => ({ role: "user", text })

describe("the chat dialect", () => {
  test("a request has the system text, the tools and the cap on the output, and is never streamed", async () => {
    const { origin, heard } = await standIn([chatReply({ content: "hi" })])
    const model = await modelOf([endpoint(origin)])
    const result = await model.ask(ask({ tools: [WEATHER] }))
    expect(result).toMatchObject({
      text: "hi",
      toolCalls: [],
      finish: "stop",
      usage: { input: 100, cached: 0, output: 10 },
    })
    const { path, headers, body } = heard()[0] ?? { path: "", headers: {}, body: {} }
    expect(path).toBe("/v1/chat/completions")
    expect(headers.authorization).toBe("Bearer test-key")
    expect(body).toMatchObject({
      model: "some-model",
      max_tokens: 200,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "hello" },
      ],
    })
    expect(body.tools[0]).toMatchObject({
      type: "function",
      function: { name: "weather", parameters: WEATHER.parameters },
    })
    expect(body.stream).toBeUndefined()
  })

  test("a tool call and its result make a round trip", async () => {
    const call = toolCall("call_1", "weather", '{"place":"Lisbon"}')
    const { origin, heard } = await standIn([
      chatReply({ content: null, tool_calls: [call] }),
      chatReply({ content: "Sunny." }),
    ])
    const model = await modelOf([endpoint(origin)])
    const first = await model.ask(ask({ tools: [WEATHER] }))
    expect(first).toMatchObject({
      finish: "tool_calls",
      toolCalls: [{ id: "call_1", name: "weather", arguments: '{"place":"Lisbon"}' }],
    })
    const messages: Message[] = [
      user("weather in Lisbon?"),
      { role: "assistant", text: first.text, toolCalls: first.toolCalls },
      { role: "tool", callId: "call_1", name: "weather", text: '{"ok":true,"sky":"sunny"}' },
    ]
    const second = await model.ask(ask({ tools: [WEATHER], messages }))
    expect(second.text).toBe("Sunny.")
    expect(heard()[1]?.body.messages.slice(2)).toEqual([
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: '{"ok":true,"sky":"sunny"}' },
    ])
  })

  test("every call is followed at once by exactly one tool message, whatever the history lost", async () => {
    const { origin, heard } = await standIn([chatReply({ content: "ok" })])
    const model = await modelOf([endpoint(origin)])
    const calls = ["a", "b"].map((id) => ({ id, name: "weather", arguments: "{}" }))
    await model.ask(
      ask({
        messages: [
          { role: "tool", callId: "lost", name: "weather", text: "an orphan" },
          user("hi"),
          { role: "assistant", text: null, toolCalls: calls },
          user("are you there?"),
          { role: "tool", callId: "b", name: "weather", text: "rain" },
          { role: "tool", callId: "b", name: "weather", text: "rain again" },
        ],
      }),
    )
    const wire = heard()[0]?.body.messages.slice(1)
    expect(wire.map((m: { role: string; tool_call_id?: string }) => [m.role, m.tool_call_id])).toEqual([
      ["user", undefined],
      ["assistant", undefined],
      ["tool", "a"],
      ["tool", "b"],
      ["user", undefined],
    ])
    expect(wire[2].content).toBe(NOT_EXECUTED)
    expect(wire[3].content).toBe("rain")
  })

  test("two calls with the same id in two runs stay apart", async () => {
    const { origin, heard } = await standIn([chatReply({ content: "ok" })])
    const model = await modelOf([endpoint(origin)])
    const made = (text: string): Message[] => [
      { role: "assistant", text: null, toolCalls: [{ id: "call_1", name: "weather", arguments: "{}" }] },
      { role: "tool", callId: "call_1", name: "weather", text },
    ]
    await model.ask(ask({ messages: [user("one"), ...made("rain"), user("two"), ...made("sun")] }))
    const wire = heard()[0]?.body.messages
    const results = wire.filter((m: { role: string }) => m.role === "tool")
    expect(results.map((m: { content: string }) => m.content)).toEqual(["rain", "sun"])
    expect(new Set(results.map((m: { tool_call_id: string }) => m.tool_call_id)).size).toBe(2)
  })

  test("malformed arguments reach the caller unchanged, and the model sees them again as text", async () => {
    const bad = '{"place": "Lis'
    const { origin, heard } = await standIn([
      chatReply({ content: null, tool_calls: [toolCall("c", "weather", bad)] }),
      chatReply({ content: "ok" }),
    ])
    const model = await modelOf([endpoint(origin)])
    const { toolCalls } = await model.ask(ask({ tools: [WEATHER] }))
    expect(toolCalls[0]?.arguments).toBe(bad)
    await model.ask(ask({ messages: [user("hi"), { role: "assistant", text: null, toolCalls }] }))
    const sent = heard()[1]?.body.messages[2].tool_calls[0].function.arguments
    expect(JSON.parse(sent)).toEqual({ malformed_arguments: bad })
  })

  test("merged calls become one call each, and a call without an id gets one", async () => {
    const merged = toolCall("", "weather", '{"place":"A } {"} {"place":"B"}')
    const { origin } = await standIn([chatReply({ content: null, tool_calls: [merged] })])
    const { toolCalls } = await (await modelOf([endpoint(origin)])).ask(ask({ tools: [WEATHER] }))
    expect(toolCalls.map((call) => call.arguments)).toEqual(['{"place":"A } {"}', '{"place":"B"}'])
    expect(new Set(toolCalls.map((call) => call.id)).size).toBe(2)
  })

  test("a call whose id an earlier step used gets a new id", async () => {
    const { origin } = await standIn([chatReply({ content: null, tool_calls: [toolCall("call_0", "weather", "{}")] })])
    const messages: Message[] = [
      user("hi"),
      { role: "assistant", text: null, toolCalls: [{ id: "call_0", name: "weather", arguments: "{}" }] },
    ]
    const { toolCalls } = await (await modelOf([endpoint(origin)])).ask(ask({ messages }))
    expect(toolCalls[0]?.id).not.toBe("call_0")
  })

  test("tool names are sent in a form that every provider accepts, and come back as Vigil's names", async () => {
    const name = "files.read/v2"
    const { origin, heard } = await standIn([
      chatReply({ content: null, tool_calls: [toolCall("c", "files_read_v2", "{}")] }),
    ])
    const tools = [
      { ...WEATHER, name },
      { ...WEATHER, name: "files_read.v2" },
    ]
    const { toolCalls } = await (await modelOf([endpoint(origin)])).ask(ask({ tools }))
    const sent = heard()[0]?.body.tools.map((tool: { function: { name: string } }) => tool.function.name)
    expect(sent[0]).toBe("files_read_v2")
    expect(new Set(sent).size).toBe(2)
    for (const one of sent) expect(one).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    expect(toolCalls[0]?.name).toBe(name)
  })

  test("a request with a schema has no tools, and its answer is the bare value", async () => {
    const { origin, heard } = await standIn([chatReply({ content: '```json\n{"kind":"bug"}\n```' })])
    const result = await (await modelOf([endpoint(origin)])).ask(ask({ tools: [WEATHER], schema: SCHEMA }))
    expect(JSON.parse(result.text)).toEqual({ kind: "bug" })
    const { body } = heard()[0] ?? { body: {} }
    expect(body.response_format).toMatchObject({ type: "json_schema", json_schema: { name: "triage", strict: true } })
    expect(body.tools).toBeUndefined()
  })

  test("the prompt contains the schema when the provider does not enforce it", async () => {
    const { origin, heard } = await standIn([chatReply({ content: '{"kind":"bug"}' })])
    await (await modelOf([endpoint(origin, { provider: "anthropic" })])).ask(ask({ schema: SCHEMA }))
    const { body } = heard()[0] ?? { body: {} }
    expect(body.response_format).toBeUndefined()
    expect(body.messages[0].content).toContain('"required":["kind"]')
  })

  test("the volatile text stands after the person's last words and before the steps that followed them", async () => {
    const { origin, heard } = await standIn([chatReply({ content: "ok" })])
    const model = await modelOf([endpoint(origin)])
    const step: Message = { role: "assistant", text: null, toolCalls: [{ id: "c", name: "weather", arguments: "{}" }] }
    await model.ask(ask({ messages: [user("hi"), user("hello"), step], volatile: "It is Sunday." }))
    await model.ask(ask({ messages: [], volatile: "It is Sunday." }))
    expect(
      heard()[0]
        ?.body.messages.slice(1, 3)
        .map((m: { content: string }) => m.content),
    ).toEqual(["hi", "hello\n\nIt is Sunday."])
    expect(heard()[1]?.body.messages[1]).toEqual({ role: "user", content: "It is Sunday." })
  })

  test.each([
    ["length", "length"],
    ["content_filter", "filtered"],
  ])("the finish reason %s is read as %s", async (given, finish) => {
    const { origin } = await standIn([
      chatReply(
        { content: "cut" },
        { choices: [{ index: 0, message: { role: "assistant", content: "cut" }, finish_reason: given }] },
      ),
    ])
    expect((await (await modelOf([endpoint(origin)])).ask(ask())).finish).toBe(finish)
  })
})

describe("provider differences", () => {
  async function secondRequest(provider: string, message: Record<string, unknown>, other?: string) {
    const { origin, heard } = await standIn([chatReply(message), chatReply({ content: "ok" })])
    const first = await (await modelOf([endpoint(origin, { provider })])).ask(ask({ tools: [WEATHER] }))
    const assistant: Message = {
      role: "assistant",
      text: null,
      toolCalls: first.toolCalls,
      ...(first.state === undefined ? {} : { state: first.state }),
    }
    const next = await modelOf([endpoint(origin, { provider, model: other ?? "some-model" })])
    await next.ask(ask({ messages: [user("hi"), assistant] }))
    return heard()[1]?.body.messages[2]
  }
  const signed = { ...toolCall("c", "weather", "{}"), extra_content: { google: { thought_signature: "s1" } } }

  test("Gemini gets back the signature of each call", async () => {
    const sent = await secondRequest("google", { content: null, tool_calls: [signed] })
    expect(sent.tool_calls[0].extra_content).toEqual(signed.extra_content)
  })

  test("Gemini gets the agreed placeholder signature for a call of another model", async () => {
    const sent = await secondRequest("google", { content: null, tool_calls: [signed] }, "another-model")
    expect(sent.tool_calls[0].extra_content).toEqual({
      google: { thought_signature: "skip_thought_signature_validator" },
    })
  })

  test("DeepSeek gets back its reasoning, and an empty one where there was none", async () => {
    const calls = [toolCall("c", "weather", "{}")]
    expect(
      await secondRequest("deepseek", { content: null, reasoning_content: "hm", tool_calls: calls }),
    ).toMatchObject({ reasoning_content: "hm" })
    expect(await secondRequest("deepseek", { content: null, tool_calls: calls })).toMatchObject({
      reasoning_content: "",
    })
  })

  test("Mistral gets call ids of nine letters or digits", async () => {
    const sent = await secondRequest("mistral", {
      content: null,
      tool_calls: [toolCall("call_something_long", "weather", "{}")],
    })
    expect(sent.tool_calls[0].id).toMatch(/^[a-zA-Z0-9]{9}$/)
  })

  test("the cost of a call at OpenRouter is what OpenRouter says it charged", async () => {
    const usage = { prompt_tokens: 5, completion_tokens: 1, cost: 0.0042 }
    const { origin } = await standIn([chatReply({ content: "ok" }, { usage })])
    expect((await (await modelOf([endpoint(origin, { provider: "openrouter" })])).ask(ask())).cost).toBe(0.0042)
  })

  test("a failed tool use at Groq is a Retry although its status is 400", async () => {
    const { origin } = await standIn([
      { status: 400, body: { error: { message: "Failed to call a function", code: "tool_use_failed" } } },
    ])
    const model = await modelOf([endpoint(origin, { provider: "groq" })])
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry" })
  })
})
