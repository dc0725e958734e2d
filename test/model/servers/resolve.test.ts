import { describe, expect, onTestFinished, test } from "vitest"
import { loadPrices } from "../../../src/model/prices.ts"
import { type LocalAddress, probeLocal } from "../../../src/model/servers/probe.ts"
import { DEFAULT_MODEL, type ModelSettings, resolveModel } from "../../../src/model/servers/resolve.ts"
import { standIn } from "../stand-in.ts"

const NOTHING: ModelSettings = { fallbacks: [], ownPort: 8080, probe: true }

const json = (body: unknown) => ({ status: 200, body })
const openAiList = (...ids: string[]) => json({ object: "list", data: ids.map((id) => ({ id, object: "model" })) })

async function ollama(models: Record<string, string[] | undefined>): Promise<LocalAddress> {
  const names = Object.keys(models)
  let asked = 0
  const chat = names.filter((name) => !name.includes("embed"))
  const { origin } = await standIn((path) => {
    if (path === "/api/tags") return json({ models: names.map((name) => ({ name })) })
    if (path !== "/api/show") return { status: 404 }
    const capabilities = models[chat[asked++] ?? ""]
    return capabilities === undefined ? { status: 404 } : json({ capabilities })
  })
  return { provider: "ollama", origin }
}

describe("the model is resolved in this order", () => {
  test("VIGIL_MODEL=offline wins over everything", async () => {
    const { identity, endpoints } = await resolveModel({
      ...NOTHING,
      model: "offline",
      apiKey: "k",
      embeddingModel: "e",
    })
    expect(identity).toEqual({ provider: "offline", model: "offline/rules-1", because: "VIGIL_MODEL is offline" })
    expect(endpoints).toHaveLength(1)
  })

  test("then OPENAI_BASE_URL with the key and the model", async () => {
    const settings = {
      ...NOTHING,
      apiKey: "k",
      baseUrl: "https://openrouter.ai/api/v1/",
      model: "vendor/m",
      embeddingModel: "vendor/e",
    }
    const { identity, endpoints, embedding } = await resolveModel(settings)
    expect(identity).toMatchObject({
      provider: "openrouter",
      model: "vendor/m",
      baseUrl: "https://openrouter.ai/api/v1",
    })
    expect(endpoints[0]).toMatchObject({ dialect: "chat", apiKey: "k" })
    expect(embedding).toMatchObject({ model: "vendor/e", provider: "openrouter" })
  })

  test("then OPENAI_API_KEY, with a default model that has a price", async () => {
    const { identity, endpoints } = await resolveModel({ ...NOTHING, apiKey: "k" })
    expect(identity).toMatchObject({ provider: "openai", model: DEFAULT_MODEL, because: "OPENAI_API_KEY is set" })
    expect(endpoints[0]).toMatchObject({ dialect: "responses", baseUrl: "https://api.openai.com/v1" })
    const cost = (await loadPrices()).cost(identity, { input: 1_000, cached: 0, cacheWrite: 0, output: 1_000 })
    expect(cost).toBeGreaterThan(0)
  })

  test("then a server on this machine: first a model that calls tools, and its embedding model", async () => {
    const address = await ollama({
      "gemma:2b": ["completion"],
      "nomic-embed-text:latest": undefined,
      "qwen3:8b": ["completion", "tools"],
    })
    const { identity, endpoints, embedding } = await resolveModel(NOTHING, { addresses: [address] })
    expect(identity).toMatchObject({
      provider: "ollama",
      model: "qwen3:8b",
      because: expect.stringContaining("found on this machine"),
    })
    expect(endpoints[0]).toMatchObject({ baseUrl: `${address.origin}/v1`, dialect: "chat" })
    expect(embedding).toMatchObject({ model: "nomic-embed-text:latest" })
  })

  test("then offline, and the reason says where it looked", async () => {
    const { identity } = await resolveModel(NOTHING, {
      addresses: [{ provider: "ollama", origin: "http://127.0.0.1:9" }],
    })
    expect(identity).toMatchObject({ provider: "offline", because: expect.stringContaining("127.0.0.1:9") })
  })

  test("and no server is looked at when probing is switched off", async () => {
    const server = await standIn([openAiList("m")])
    const addresses: LocalAddress[] = [{ provider: "vllm", origin: server.origin }]
    expect((await resolveModel({ ...NOTHING, probe: false }, { addresses })).identity.provider).toBe("offline")
    expect(server.heard()).toHaveLength(0)
  })
})

describe("settings that cannot work", () => {
  test("a model without a place to find it", async () => {
    const settings = { ...NOTHING, model: "gpt-6-luna", probe: false }
    await expect(resolveModel(settings)).rejects.toMatchObject({
      name: "Misconfigured",
      fix: expect.stringContaining("OPENAI_API_KEY"),
    })
  })

  test("an address that is no URL", async () => {
    await expect(resolveModel({ ...NOTHING, baseUrl: "localhost:11434" })).rejects.toMatchObject({
      name: "Misconfigured",
    })
  })

  test("a paid provider without a chosen model: no model is picked from its list", async () => {
    const settings = { ...NOTHING, apiKey: "k", baseUrl: "https://openrouter.ai/api/v1" }
    await expect(resolveModel(settings)).rejects.toMatchObject({
      name: "Misconfigured",
      fix: expect.stringContaining("VIGIL_MODEL"),
    })
  })
})

describe("what the model can see and hear", () => {
  test("is what Ollama says, and the owner's setting overrides it", async () => {
    const models = { "blind:8b": ["completion", "tools"], "seeing:8b": ["completion", "tools", "vision"] }
    const sees = async (model: string, more = {}) =>
      (await resolveModel({ ...NOTHING, model, ...more }, { addresses: [await ollama(models)] })).endpoints[0]
    expect(await sees("blind:8b")).toMatchObject({ sees: false })
    expect(await sees("seeing:8b")).toMatchObject({ sees: true })
    expect(await sees("blind:8b", { images: true })).toMatchObject({ sees: true })
    expect(await sees("seeing:8b", { images: false })).toMatchObject({ sees: false })
  })

  test("is true of the first model only, not of its fallbacks", async () => {
    const { endpoints } = await resolveModel({ ...NOTHING, apiKey: "k", images: false, fallbacks: ["gpt-6-sol"] })
    expect(endpoints.map((one) => "sees" in one && one.sees)).toEqual([false, false])
    expect(endpoints[1]).not.toHaveProperty("sees")
  })

  test("OpenAI transcribes by default, other providers when a model is named for it, and offline never", async () => {
    const at = async (more: object) => (await resolveModel({ ...NOTHING, ...more })).transcription
    expect(await at({ apiKey: "k" })).toMatchObject({
      provider: "openai",
      model: "gpt-4o-mini-transcribe",
      apiKey: "k",
    })
    expect(await at({ apiKey: "k", transcriptionModel: "whisper-1" })).toMatchObject({ model: "whisper-1" })
    const other = { baseUrl: "http://127.0.0.1:1/v1", model: "m" }
    expect(await at(other)).toBeUndefined()
    expect(await at({ ...other, transcriptionModel: "whisper" })).toMatchObject({ model: "whisper" })
    expect(await at({ apiKey: "k", model: "offline", transcriptionModel: "whisper" })).toBeUndefined()
  })
})

test("a server in the owner's network without a chosen model gives its first chat model", async () => {
  const { origin } = await standIn([openAiList("bge-m3", "qwen3-8b")])
  expect((await resolveModel({ ...NOTHING, baseUrl: `${origin}/v1` })).identity.model).toBe("qwen3-8b")
})

test("a named model is found among the servers of this machine", async () => {
  const { origin } = await standIn([openAiList("a", "b")])
  const { identity } = await resolveModel({ ...NOTHING, model: "b" }, { addresses: [{ provider: "lmstudio", origin }] })
  expect(identity).toMatchObject({ provider: "lmstudio", model: "b" })
})

test("fallbacks are models at the same endpoint, or the offline rules", async () => {
  const { endpoints } = await resolveModel({ ...NOTHING, apiKey: "k", fallbacks: ["gpt-5.4-nano", "offline"] })
  expect(endpoints.map((one) => `${one.provider} ${one.model}`)).toEqual([
    "openai gpt-6-luna",
    "openai gpt-5.4-nano",
    "offline offline/rules-1",
  ])
})

describe("the probe", () => {
  test("leaves out Vigil's own port", async () => {
    const { origin, heard } = await standIn([openAiList("m")])
    const ownPort = Number(new URL(origin).port)
    expect(await probeLocal({ ownPort, addresses: [{ provider: "vllm", origin }] })).toEqual([])
    expect(heard()).toHaveLength(0)
  })

  test("takes neither another web server nor an empty list for a model server", async () => {
    const pages = await standIn([{ status: 200, body: "<html>hello</html>" }])
    const empty = await standIn([openAiList()])
    const addresses = [pages, empty].map(({ origin }): LocalAddress => ({ provider: "llama.cpp", origin }))
    expect(await probeLocal({ addresses })).toEqual([])
  })

  test("does not wait for a server that hangs", async () => {
    const server = await standIn([openAiList("m")])
    const held = Promise.withResolvers<void>()
    onTestFinished(() => held.resolve())
    server.trouble({ hold: held.promise })
    expect(await probeLocal({ addresses: [{ provider: "vllm", origin: server.origin }] })).toEqual([])
  })

  test("leaves out a model that says it calls no tools", async () => {
    const address = await ollama({ "gemma:2b": ["completion"] })
    expect(await probeLocal({ addresses: [address] })).toEqual([])
  })
})
