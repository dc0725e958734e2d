import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { App } from "../../src/app/app.ts"
import { firstScreen } from "../../src/app/first-screen.ts"
import { VERSION } from "../../src/app/version.ts"
import { openChannels } from "../../src/channels/open.ts"
import { readConfig } from "../../src/config/config.ts"
import { databaseKind } from "../support/database.ts"
import { type Product, startProduct } from "../support/product.ts"

let product: Product
beforeAll(async () => {
  product = await startProduct({ env: { OWNER_TIMEZONE: "" } })
})
afterAll(() => product.stop())

/** The first screen of the running product, as if it had been started with these settings too. */
function screen(env: Record<string, string> = {}, over: Partial<App> = {}): Promise<string> {
  const { app } = product
  const config = readConfig({ DATA_DIR: app.infrastructure.config.DATA_DIR, ...env })
  return firstScreen(
    { ...app, infrastructure: { ...app.infrastructure, config }, channels: openChannels(config), ...over },
    1234,
  )
}
const line = (text: string, name: string) => text.split("\n").find((one) => one.trim().startsWith(name)) ?? ""

test("says what it is, how soon it was ready and where it listens", async () => {
  expect((await screen()).split("\n")[0]).toBe(`vigil ${VERSION}  ready in 1.2 s at ${product.url}`)
})

test("gives a link that works once in a browser", async () => {
  const [, path = ""] = /Open\s+http:\/\/[^/\s]+(\/start\?k=[\w-]+)/.exec(await screen()) ?? []
  expect((await product.ask(path)).status).toBe(200)
})

test("gives another link each time", async () => {
  const [one, two] = [line(await screen(), "Open"), line(await screen(), "Open")]
  expect(one).not.toBe(two)
})

describe("the model", () => {
  test("is named as offline, with why, what works and what to set", async () => {
    const text = await screen()
    expect(line(text, "Model")).toMatch(/OFFLINE \(no model is set\): remembering/)
    expect(text).toContain("free talk needs a model: set OPENAI_API_KEY or OPENAI_BASE_URL")
  })

  test("is named with its provider and how it was found", async () => {
    const identity = { provider: "openai", model: "some-model", because: "OPENAI_API_KEY is set" }
    const text = await screen({}, { model: { ...product.app.model, offline: false, identity } })
    expect(line(text, "Model")).toBe("  Model     some-model (openai; OPENAI_API_KEY is set)")
    expect(text).not.toContain("OFFLINE")
  })
})

describe("the channels", () => {
  const telegram = { TELEGRAM_BOT_TOKEN: "42:AAF" }
  const sms = { TWILIO_ACCOUNT_SID: `AC${"a".repeat(32)}`, TWILIO_AUTH_TOKEN: "t", TWILIO_NUMBER: "+15550009999" }
  const reached = { PUBLIC_URL: "https://v.example.com", TELEGRAM_WEBHOOK_SECRET: "s".repeat(16) }

  test.each<[string, Record<string, string>, string[]]>([
    ["nothing set", {}, ["Telegram: not set", "SMS: not set", "GitHub: not set"]],
    ["no public address", { ...telegram, ...sms }, ["Telegram: on (polling)", "SMS: on (polling)"]],
    ["a public address", { ...telegram, ...sms, ...reached }, ["Telegram: on (webhook)", "SMS: on (webhook)"]],
    ["GitHub without repositories", { GITHUB_TOKEN: "x" }, ["GitHub: no repositories: set GITHUB_REPOS"]],
    [
      "GitHub that is looked at",
      { GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b,c/d" },
      ["GitHub: a/b, c/d (every 15 minutes)"],
    ],
    [
      "GitHub that calls",
      { GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b", GITHUB_WEBHOOK_SECRET: "s".repeat(16) },
      ["GitHub: a/b (webhook)"],
    ],
  ])("with %s are named as they are", async (_setting, env, words) => {
    const text = line(await screen(env), "Channels")
    for (const word of words) expect(text).toContain(word)
  })
})

test("no secret is on it", async () => {
  const env = { TELEGRAM_BOT_TOKEN: "42:canary", GITHUB_TOKEN: "canary", OPENAI_API_KEY: "canary", GITHUB_REPOS: "a/b" }
  expect(await screen(env)).not.toContain("canary")
})

test("says where the data is, and that the zone is a guess until the owner names theirs", async () => {
  const { app } = product
  const text = line(await screen(), "Data")
  expect(text).toContain(
    databaseKind === "pglite" ? `embedded database in ${app.infrastructure.config.DATA_DIR}` : "Postgres",
  )
  expect(text).toContain(`${app.infrastructure.hostZone} (guessed; say: my timezone is ...)`)
})

test("says the zone that the owner named", async () => {
  const { infrastructure, channels } = product.app
  const owner = { ...infrastructure.owner, zone: "Asia/Tokyo" }
  const text = await firstScreen({ ...product.app, channels, infrastructure: { ...infrastructure, owner } }, 0)
  expect(line(text, "Data")).toMatch(/time zone: Asia\/Tokyo$/)
})
