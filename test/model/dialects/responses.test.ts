import { describe, expect, test } from "vitest"
import type { Message, ModelResult } from "../../../src/model/model.ts"
import { ask, modelOf, WEATHER } from "../requests.ts"
import { endpoint, responsesReply, saidItem, standIn } from "../stand-in.ts"

const REASONING = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "sealed" }
const CALL = {
  type: "function_call",
  id: "fc_1",
  call_id: "call_1",
  name: "weather",
  arguments: '{"place":"Lisbon"}',
  status: "completed",
}
const user = (text: string): Message => ({ role: "user", text })
const at = (origin: string, model = "gpt-6-luna") =>
  endpoint(origin, { provider: "openai", model, dialect: "responses" })

function assistant({ text, toolCalls, state }: ModelResult): Message {
  return { role: "assistant", text, toolCalls, ...(state === undefined ? {} : { state }) }
}

describe("the Responses dialect", () => {
  test("a request stores nothing at OpenAI, includes the encrypted reasoning and names the cache of the thread", async () => {
    const { origin, heard } = await standIn([responsesReply([saidItem("hi")])])
    const result = await (await modelOf([at(origin)])).ask(
      ask({ tools: [WEATHER], cacheKey: "thread-7", maxOutput: 4 }),
    )
    expect(result).toMatchObject({ text: "hi", finish: "stop", usage: { input: 100, cached: 40, output: 10 } })
    const { path, body } = heard()[0] ?? { path: "", body: {} }
    expect(path).toBe("/v1/responses")
    expect(body).toMatchObject({
      instructions: "Be brief.",
      store: false,
      include: ["reasoning.encrypted_content"],
      prompt_cache_key: "thread-7",
      max_output_tokens: 16,
      input: [{ role: "user", content: "hello" }],
    })
    expect(body.tools[0]).toMatchObject({ type: "function", name: "weather", strict: false })
    expect(body.previous_response_id).toBeUndefined()
  })

  test("a tool call and its result make a round trip, with the model's reasoning before the call", async () => {
    const { origin, heard } = await standIn([responsesReply([REASONING, CALL]), responsesReply([saidItem("Sunny.")])])
    const model = await modelOf([at(origin)])
    const first = await model.ask(ask({ tools: [WEATHER] }))
    expect(first).toMatchObject({
      finish: "tool_calls",
      toolCalls: [{ id: "call_1", name: "weather", arguments: '{"place":"Lisbon"}' }],
    })
    const result: Message = { role: "tool", callId: "call_1", name: "weather", text: '{"ok":true}' }
    const second = await model.ask(ask({ messages: [user("weather?"), assistant(first), result] }))
    expect(second.text).toBe("Sunny.")
    expect(heard()[1]?.body.input).toEqual([
      { role: "user", content: "weather?" },
      REASONING,
      CALL,
      { type: "function_call_output", call_id: "call_1", output: '{"ok":true}' },
    ])
  })

  test("the reasoning of one model is not sent to another", async () => {
    const { origin, heard } = await standIn([responsesReply([REASONING, CALL]), responsesReply([saidItem("ok")])])
    const first = await (await modelOf([at(origin)])).ask(ask({ tools: [WEATHER] }))
    const result: Message = { role: "tool", callId: "call_1", name: "weather", text: "{}" }
    await (await modelOf([at(origin, "gpt-5.6-luna")])).ask(
      ask({ messages: [user("weather?"), assistant(first), result] }),
    )
    expect(heard()[1]?.body.input.map((item: { type?: string }) => item.type)).toEqual([
      undefined,
      "function_call",
      "function_call_output",
    ])
  })

  test("malformed arguments reach the caller unchanged", async () => {
    const { origin } = await standIn([responsesReply([{ ...CALL, arguments: '{"place' }])])
    expect((await (await modelOf([at(origin)])).ask(ask({ tools: [WEATHER] }))).toolCalls[0]?.arguments).toBe('{"place')
  })

  test("a request with a schema is strict only when the schema is closed", async () => {
    const closed = {
      type: "object",
      properties: { kind: { type: "string" } },
      required: ["kind"],
      additionalProperties: false,
    }
    const open = { type: "object", properties: { kind: { type: "string" } } }
    const { origin, heard } = await standIn([responsesReply([saidItem('{"kind":"bug"}')])])
    const model = await modelOf([at(origin)])
    for (const schema of [closed, open]) await model.ask(ask({ tools: [WEATHER], schema: { name: "triage", schema } }))
    expect(heard().map(({ body }) => [body.text.format.type, body.text.format.strict, body.tools])).toEqual([
      ["json_schema", true, undefined],
      ["json_schema", false, undefined],
    ])
  })

  test.each([
    ["max_output_tokens", "length"],
    ["content_filter", "filtered"],
  ])("an answer that ended by %s is read as %s", async (reason, finish) => {
    const { origin } = await standIn([
      responsesReply([saidItem("cut")], { status: "incomplete", incomplete_details: { reason } }),
    ])
    expect((await (await modelOf([at(origin)])).ask(ask())).finish).toBe(finish)
  })

  test("a failed response is a Retry", async () => {
    const { origin } = await standIn([
      responsesReply([], { status: "failed", error: { code: "server_error", message: "sorry" } }),
    ])
    await expect((await modelOf([at(origin)])).ask(ask())).rejects.toMatchObject({
      name: "Retry",
      message: expect.stringContaining("sorry"),
    })
  })
})
