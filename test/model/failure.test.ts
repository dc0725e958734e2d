import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, expect, onTestFinished, test } from "vitest"
import { createModel } from "../../src/model/client.ts"
import { ask, CLOCK, modelOf } from "./requests.ts"
import { chatReply, endpoint, refusal, standIn } from "./stand-in.ts"

describe("what a failing server means", () => {
  test.each<[string, number, Record<string, unknown>, Record<string, unknown>]>([
    ["a busy server", 429, { code: "rate_limit_exceeded", message: "slow down" }, { name: "Retry" }],
    ["a broken server", 500, { message: "oops" }, { name: "Retry" }],
    ["an overloaded server", 503, { message: "overloaded" }, { name: "Retry" }],
    [
      "spent credit",
      429,
      { code: "insufficient_quota", message: "You exceeded your current quota" },
      { name: "Reject", code: "quota", status: 402 },
    ],
    ["no credit", 402, { message: "Insufficient credits" }, { name: "Reject", code: "quota" }],
    [
      "a wrong key",
      401,
      { code: "invalid_api_key", message: "Incorrect API key" },
      { name: "Reject", code: "model_auth", fix: expect.stringContaining("OPENAI_API_KEY") },
    ],
    [
      "an unknown model",
      404,
      { code: "model_not_found", message: "no such model" },
      { name: "Reject", code: "model_unknown" },
    ],
    [
      "OpenAI's overflow",
      400,
      { code: "context_length_exceeded", message: "too long" },
      { name: "Limit", which: "context" },
    ],
    [
      "an overflow in words",
      400,
      { message: "This model's maximum context length is 8192 tokens" },
      { name: "Limit", which: "context" },
    ],
    [
      "another overflow in words",
      400,
      { message: "prompt is too long: 210000 tokens > 200000 maximum" },
      { name: "Limit", which: "context" },
    ],
    ["a wrong request", 400, { message: "Invalid value" }, { name: "Reject", code: "model_rejected", status: 400 }],
  ])("%s", async (_, status, error, expected) => {
    const { origin } = await standIn([refusal(status, error)])
    await expect((await modelOf([endpoint(origin)])).ask(ask())).rejects.toMatchObject(expected)
  })

  test("a server that demands a long pause is not waited for, and the error carries the pause", async () => {
    const { origin, heard } = await standIn([refusal(429, { message: "later" }, { "retry-after": "120" })])
    const identity = { provider: "x", model: "m", because: "a test" }
    const model = await createModel(
      { identity, endpoints: [endpoint(origin)] },
      { clock: CLOCK, limits: { maxRetries: 1 } },
    )
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", afterMs: 120_000 })
    expect(heard()).toHaveLength(1)
  })

  test("passing trouble is retried at once, spent credit is not", async () => {
    const limits = { maxRetries: 1 }
    const identity = { provider: "x", model: "m", because: "a test" }
    const short = await standIn([refusal(503, {}, { "retry-after-ms": "5" }), chatReply({ content: "hi" })])
    const model = await createModel({ identity, endpoints: [endpoint(short.origin)] }, { clock: CLOCK, limits })
    expect((await model.ask(ask())).text).toBe("hi")
    const spent = await standIn([refusal(429, { code: "insufficient_quota" })])
    const poor = await createModel({ identity, endpoints: [endpoint(spent.origin)] }, { clock: CLOCK, limits })
    await expect(poor.ask(ask())).rejects.toMatchObject({ code: "quota" })
    expect(spent.heard()).toHaveLength(1)
  })

  test("a server that never answers is a Retry after the timeout", async () => {
    const server = await standIn([chatReply({ content: "late" })])
    const held = Promise.withResolvers<void>()
    onTestFinished(() => held.resolve())
    server.trouble({ hold: held.promise })
    const model = await modelOf([endpoint(server.origin)], { timeoutMs: 100 })
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", code: "timeout" })
  })

  test("a server that stops within its answer is a Retry after the timeout", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.write('{"choices": [')
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => server.closeAllConnections())
    const { port } = server.address() as AddressInfo
    const model = await modelOf([endpoint(`http://127.0.0.1:${port}`)], { timeoutMs: 150 })
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", code: "timeout" })
  })

  test("a dropped connection is a Retry", async () => {
    const server = await standIn([chatReply({ content: "hi" })])
    server.trouble({ drop: true })
    await expect((await modelOf([endpoint(server.origin)])).ask(ask())).rejects.toMatchObject({
      name: "Retry",
      code: "unavailable",
    })
  })

  test("a server that stops within its refusal is a Retry after the timeout", async () => {
    const server = createServer((_, response) => {
      response.writeHead(500, { "content-type": "application/json" })
      response.write('{"error": {')
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => server.closeAllConnections())
    const { port } = server.address() as AddressInfo
    const model = await modelOf([endpoint(`http://127.0.0.1:${port}`)], { timeoutMs: 150 })
    await expect(model.ask(ask())).rejects.toMatchObject({ name: "Retry", code: "timeout" })
  }, 5_000)

  test("a connection that breaks within an answer is a Retry", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
      response.write('{"choices": [', () => response.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    onTestFinished(() => server.closeAllConnections())
    const { port } = server.address() as AddressInfo
    const asked = (await modelOf([endpoint(`http://127.0.0.1:${port}`)])).ask(ask())
    await expect(asked).rejects.toMatchObject({ name: "Retry", code: "unavailable" })
  })

  test("an abort throws the caller's own reason", async () => {
    const server = await standIn([chatReply({ content: "late" })])
    const held = Promise.withResolvers<void>()
    onTestFinished(() => held.resolve())
    server.trouble({ hold: held.promise })
    const model = await modelOf([endpoint(server.origin)])
    const control = new AbortController()
    const reason = new Error("the owner said stop")
    const asked = model.ask(ask({ signal: control.signal }))
    await expect.poll(() => server.heard().length).toBe(1)
    control.abort(reason)
    await expect(asked).rejects.toBe(reason)
    await expect(model.ask(ask({ signal: control.signal }))).rejects.toBe(reason)
    expect(server.heard()).toHaveLength(1)
  })

  test("the error for an answer of another kind of server names OPENAI_BASE_URL", async () => {
    const { origin } = await standIn([{ status: 200, body: "<html>welcome</html>" }])
    await expect((await modelOf([endpoint(origin)])).ask(ask())).rejects.toMatchObject({
      name: "Retry",
      code: "bad_answer",
      fix: expect.stringContaining("OPENAI_BASE_URL"),
    })
  })

  test("a failure inside a 200 is a failure", async () => {
    const { origin } = await standIn([
      { status: 200, body: { error: { message: "Provider returned error", code: 502 } } },
    ])
    await expect((await modelOf([endpoint(origin)])).ask(ask())).rejects.toMatchObject({
      name: "Retry",
      message: expect.stringContaining("Provider returned error"),
    })
  })

  test("an answer without end is cut off", async () => {
    const { origin } = await standIn([chatReply({ content: "x".repeat(17 * 1024 * 1024) })])
    await expect((await modelOf([endpoint(origin)])).ask(ask())).rejects.toMatchObject({
      name: "Reject",
      code: "too_large",
    })
  })

  test("no error contains the key", async () => {
    const { origin } = await standIn([refusal(401, { message: "Incorrect API key provided" })])
    const error: unknown = await (await modelOf([endpoint(origin)])).ask(ask()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain("test-key")
  })
})
