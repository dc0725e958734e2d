import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { statusLine } from "../../src/app/features.ts"
import { VERSION } from "../../src/app/version.ts"
import type { Status } from "../../src/contract/installation/status.ts"
import { createTokenMeter } from "../../src/model/tokens.ts"
import { startChatModel } from "../support/chat-model.ts"
import { databaseKind } from "../support/database.ts"
import { type Product, startProduct, TOKEN } from "../support/product.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"

describe("the status line", () => {
  const status: Status = {
    version: VERSION,
    model: { provider: "openai", model: "some-model", offline: false, because: "OPENAI_API_KEY is set" },
    channels: [
      { id: "web", state: "ready", detail: "this server" },
      { id: "telegram", state: "off", detail: "not set up: set TELEGRAM_BOT_TOKEN" },
      { id: "sms", state: "ready", detail: "+15550009999" },
    ],
    database: { kind: "postgres" },
    owner: { zone: null, hostZone: "UTC" },
    memoryMb: 100,
  }

  test("names the model, the channels that work and the database", () => {
    expect(statusLine(status)).toBe("Model: some-model (openai). Channels: web, sms. Database: postgres.")
  })

  test("says that it is offline", () => {
    const offline = { ...status, model: { ...status.model, offline: true } }
    expect(statusLine(offline)).toContain("Model: OFFLINE (commands only).")
  })

  test("names the channels that fail, and why", () => {
    const [web, ...others] = status.channels
    if (!web) throw new Error("there is no web")
    const failing: Status = {
      ...status,
      channels: [web, { id: "sms", state: "failing", detail: "denied: wrong token" }],
    }
    expect([statusLine(failing), others.length]).toEqual([
      "Model: some-model (openai). Channels: web. Database: postgres. Failing: sms: denied: wrong token.",
      2,
    ])
  })
})

describe("the running product", () => {
  let product: Product
  let github: StandIn
  beforeAll(async () => {
    github = await startStandIn(() => ({ status: 401, body: { message: "Bad credentials" } }))
    product = await startProduct({
      env: { GITHUB_TOKEN: "ghp_canary", GITHUB_API_URL: github.url, DAILY_BUDGET_USD: "2.50" },
    })
  })
  afterAll(async () => {
    await product.stop()
    await github.stop()
  })

  test("tells its version, its model and its database", async () => {
    expect(await product.api("/api/v1/status")).toMatchObject({
      version: VERSION,
      model: { provider: "offline", offline: true, because: "no model is set" },
      database: { kind: databaseKind },
      owner: { zone: "Europe/Lisbon" },
    })
  })

  test("probes each channel: one that is not set up says how to set it up, one that fails says why", async () => {
    const { channels } = await product.api<Status>("/api/v1/status")
    const byId = new Map(channels.map((channel) => [channel.id, channel]))
    expect(byId.get("web")).toMatchObject({ state: "ready" })
    expect(byId.get("telegram")).toEqual({
      id: "telegram",
      state: "off",
      detail: "not set up: set TELEGRAM_BOT_TOKEN",
    })
    expect(byId.get("github")).toMatchObject({ state: "failing" })
    expect(JSON.stringify(channels)).not.toContain("ghp_canary")
  })

  test("tells its status on every channel", async () => {
    expect((await product.say("/status")).reply).toMatch(/^Model: OFFLINE.*Failing: github: /)
  })

  test("tells the spend beside its caps", async () => {
    expect(await product.api("/api/v1/spend")).toMatchObject({
      today: { usd: 0 },
      caps: { dailyUsd: 2.5, monthlyUsd: null },
    })
  })

  test("finds memories with their scores, and lists the newest", async () => {
    await product.say("remember that the cat is called Mia")
    const found = await product.api("/api/v1/memories?q=cat")
    expect(found).toMatchObject({ memories: [{ text: expect.stringContaining("Mia"), score: expect.any(Number) }] })
    expect(await product.api("/api/v1/memories")).toMatchObject({
      memories: [{ text: expect.stringContaining("Mia") }],
    })
  })

  test("keeps a secret and never gives its value back", async () => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }
    const body = JSON.stringify({ value: "canary-value-1", hosts: ["api.example.com"] })
    await product.ask("/api/v1/secrets/MY_KEY", { method: "PUT", headers, body })
    const listed = await product.api("/api/v1/secrets")
    expect(listed).toMatchObject({ secrets: [{ name: "MY_KEY", hosts: ["api.example.com"] }] })
    expect(JSON.stringify(listed)).not.toContain("canary-value-1")
    await product.ask("/api/v1/secrets/MY_KEY", { method: "DELETE", headers: { authorization: headers.authorization } })
    expect(await product.api("/api/v1/secrets")).toEqual({ secrets: [] })
  })

  test("has one digest automation, made at the first start", async () => {
    expect(await product.api("/api/v1/automations")).toMatchObject({
      automations: [expect.objectContaining({ action: { kind: "digest" }, zone: "Europe/Lisbon" })],
    })
  })
})

describe("a one-word message", () => {
  const asked = z.looseObject({ tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })) })

  test("costs at most 2,000 measured prompt tokens with every tool", async () => {
    const server = await startChatModel("some-model", () => ({ content: "pong" }))
    const product = await startProduct({ env: { OPENAI_BASE_URL: `${server.url}/v1`, VIGIL_MODEL: "some-model" } })
    try {
      const { reply, run } = await product.say("ping")
      expect(reply).toBe("pong")
      const { context } = await product.api<{ context: { sections: { name: string; tokens: number }[] } }>(
        `/api/v1/runs/${run}`,
      )
      const tokens = context.sections.filter(({ name }) => name !== "history").reduce((sum, one) => sum + one.tokens, 0)
      expect(tokens).toBeGreaterThan(500)
      expect(tokens).toBeLessThanOrEqual(2000)
      const body = server.asked.find(({ url }) => url.pathname.endsWith("/chat/completions"))?.body ?? ""
      const names = asked.parse(JSON.parse(body)).tools.map((tool) => tool.function.name)
      expect(names).toEqual(
        expect.arrayContaining(["remember", "recall", "forget", "remind", "schedule", "set_preference"]),
      )
      expect(createTokenMeter().tokens("some-model", body)).toBeLessThanOrEqual(2000)
    } finally {
      await product.stop()
      await server.stop()
    }
  })
})
