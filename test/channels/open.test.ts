import { describe, expect, test } from "vitest"
import { openChannels } from "../../src/channels/open.ts"
import { readConfig } from "../../src/config/config.ts"

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "42:AAF" }
const SMS = { TWILIO_ACCOUNT_SID: `AC${"a".repeat(32)}`, TWILIO_AUTH_TOKEN: "t", TWILIO_NUMBER: "+15550009999" }
const PUBLIC = { PUBLIC_URL: "https://v.example.com" }
const SECRETS = { TELEGRAM_WEBHOOK_SECRET: "s".repeat(16), GITHUB_WEBHOOK_SECRET: "s".repeat(16) }
const open = (env: Record<string, string>) => openChannels(readConfig(env))

test("with nothing set there is the web and nothing else", () => {
  const channels = open({})
  expect([...channels.live]).toEqual(["web"])
  expect(channels.senders.size).toBe(0)
  expect(channels).toEqual({ senders: new Map(), live: new Set(["web"]), github: null })
})

describe("a channel that can send", () => {
  test.each([
    ["telegram", TELEGRAM],
    ["sms", SMS],
  ])("is %s once its secret is set, and people are reached there", (id, env) => {
    const channels = open(env)
    expect([...channels.senders.keys()]).toEqual([id])
    expect([...channels.live]).toEqual(["web", id])
    expect(channels).toHaveProperty(id)
  })

  test("is each of several", () => {
    expect([...open({ ...TELEGRAM, ...SMS }).live]).toEqual(expect.arrayContaining(["web", "telegram", "sms"]))
  })

  test("is never GitHub: nobody is texted there", () => {
    const channels = open({ GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b", ...SECRETS })
    expect([[...channels.live], channels.senders.size]).toEqual([["web"], 0])
  })
})

describe("a webhook", () => {
  test("of Telegram is there with its secret only", () => {
    expect(open(TELEGRAM).telegram?.webhook).toBeNull()
    expect(open({ ...TELEGRAM, ...SECRETS }).telegram?.webhook).toBeTypeOf("function")
  })

  test("of SMS is there with a public address only, since signatures are checked against it", () => {
    expect(open(SMS).sms?.webhook).toBeNull()
    expect(open({ ...SMS, ...PUBLIC }).sms?.webhook).toMatchObject({ incoming: expect.any(Function) })
  })

  test("of GitHub is there with its secret only, with or without credentials for the API", () => {
    expect(open({ GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b" }).github).toBeNull()
    expect(open({ ...SECRETS, GITHUB_REPOS: "a/b" }).github).not.toBeNull()
    expect(open({ ...SECRETS, GITHUB_REPOS: "a/b" }).api).toBeUndefined()
  })
})

describe("GitHub's API", () => {
  test("is there with a token", () => {
    expect(open({ GITHUB_TOKEN: "x" }).api).toBeDefined()
  })

  test("is not there without credentials, whatever else is set", () => {
    expect(open({ GITHUB_REPOS: "a/b", ...SECRETS }).api).toBeUndefined()
  })
})
