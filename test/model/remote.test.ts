import { describe, expect, test } from "vitest"
import { ask, modelOf, WEATHER } from "./requests.ts"
import { chatReply, endpoint, refusal, responsesReply, saidItem, standIn } from "./stand-in.ts"

const SWITCH =
  "Function tools with reasoning_effort are not supported for gpt-5.6-terra in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'."
const SCHEMA = { name: "triage", schema: { type: "object" } }

describe("a refusal that teaches a limit", () => {
  test("switches the model to Responses once, and remembers it", async () => {
    const { origin, heard } = await standIn((path) =>
      path.endsWith("/responses") ? responsesReply([saidItem("hi")]) : refusal(400, { message: SWITCH }),
    )
    const model = await modelOf([endpoint(origin, { model: "gpt-5.6-terra" })])
    expect((await model.ask(ask({ tools: [WEATHER] }))).text).toBe("hi")
    await model.ask(ask({ tools: [WEATHER] }))
    expect(heard().map(({ path }) => path)).toEqual(["/v1/chat/completions", "/v1/responses", "/v1/responses"])
  })

  test("switches that model only", async () => {
    const { origin, heard } = await standIn((path, at) =>
      path.endsWith("/responses")
        ? responsesReply([saidItem("hi")])
        : at === 0
          ? refusal(400, { message: SWITCH })
          : chatReply({ content: "hi" }),
    )
    const model = await modelOf([endpoint(origin)])
    await model.ask(ask())
    await model.ask(ask({ model: "other" }))
    expect(
      heard()
        .map(({ path }) => path)
        .at(-1),
    ).toBe("/v1/chat/completions")
  })

  test("does not repeat any other 400", async () => {
    const { origin, heard } = await standIn([refusal(400, { message: "Unknown parameter: 'foo'" })])
    const model = await modelOf([endpoint(origin)])
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Reject", code: "model_rejected", status: 400 })
    expect(heard()).toHaveLength(1)
  })

  test("renames the output cap", async () => {
    const message =
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    const { origin, heard } = await standIn([refusal(400, { message }), chatReply({ content: "hi" })])
    await (await modelOf([endpoint(origin)])).ask(ask())
    expect(heard()[1]?.body).toMatchObject({ max_completion_tokens: 200 })
    expect(heard()[1]?.body.max_tokens).toBeUndefined()
  })

  test("puts the schema into the prompt where the format is not supported", async () => {
    const message = "response_format json_schema is not supported by this model"
    const { origin, heard } = await standIn([refusal(400, { message }), chatReply({ content: "{}" })])
    await (await modelOf([endpoint(origin)])).ask(ask({ schema: SCHEMA }))
    expect(heard()[1]?.body.response_format).toBeUndefined()
    expect(heard()[1]?.body.messages[0].content).toContain("JSON Schema")
  })

  test("leaves out encrypted reasoning for a model that has none", async () => {
    const { origin, heard } = await standIn([
      refusal(400, { message: "Encrypted content is not supported with this model." }),
      responsesReply([saidItem("hi")]),
    ])
    await (await modelOf([endpoint(origin, { provider: "openai", dialect: "responses" })])).ask(ask())
    expect(heard()[1]?.body.include).toBeUndefined()
  })
})

describe("the cost of a call", () => {
  test("is priced by the list, cached tokens at their own rate", async () => {
    const usage = { input_tokens: 1_000_000, output_tokens: 0, input_tokens_details: { cached_tokens: 100_000 } }
    const { origin } = await standIn([responsesReply([saidItem("hi")], { usage })])
    const result = await (
      await modelOf([endpoint(origin, { provider: "openai", model: "gpt-5.4-nano", dialect: "responses" })])
    ).ask(ask())
    expect(result.cost).toBeCloseTo(0.9 * 0.2 + 0.1 * 0.02, 6)
  })

  test("is null for a model the list does not know, never zero", async () => {
    const { origin } = await standIn([chatReply({ content: "hi" })])
    const model = await modelOf([endpoint(origin, { model: "made-up-1" })])
    expect((await model.ask(ask())).cost).toBeNull()
    expect(model.estimate(ask())).toBeNull()
  })

  test("is null when the server does not count", async () => {
    const { origin } = await standIn([chatReply({ content: "hi" }, { usage: undefined })])
    const model = await modelOf([endpoint(origin, { provider: "openai", model: "gpt-6-luna" })])
    expect((await model.ask(ask())).cost).toBeNull()
  })

  test("is zero on this machine, but not where Ollama forwards to its paid service", async () => {
    const { origin } = await standIn([chatReply({ content: "hi" })])
    expect((await (await modelOf([endpoint(origin, { provider: "ollama", model: "qwen3:8b" })])).ask(ask())).cost).toBe(
      0,
    )
    expect(
      (await (await modelOf([endpoint(origin, { provider: "ollama", model: "qwen3-coder:480b-cloud" })])).ask(ask()))
        .cost,
    ).toBeNull()
  })
})
