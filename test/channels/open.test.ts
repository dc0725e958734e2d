import { describe, expect, test } from "vitest"
import { openChannels } from "../../src/channels/open.ts"
import { readConfig } from "../../src/config/config.ts"

const TELEGRAM = { TELEGRAM_BOT_TOKEN: "42:AAF" }
const SMS = { TWILIO_ACCOUNT_SID: `AC${"a".repeat(32)}`, TWILIO_AUTH_TOKEN: "t", TWILIO_NUMBER: "+15550009999" }
const PUBLIC = { PUBLIC_URL: "https://v.example.com" }
const SECRETS = { TELEGRAM_WEBHOOK_SECRET: "s".repeat(16), GITHUB_WEBHOOK_SECRET: "s".repeat(16) }
const open = (env: Record<string, string>) => openChannels(readConfig(env))

test("without settings there is the web and no other channel", () => {
  const channels = open({})
  expect([...channels.live]).toEqual(["web"])
  expect(channels.senders.size).toBe(0)
  expect(channels).toEqual({ senders: new Map(), live: new Set(["web"]), github: null })
})

describe("a channel that can send", () => {
  test.each([
    ["telegram", TELEGRAM],
    ["sms", SMS],
  ])("is %s when its secret is set, and people can be reached there", (id, env) => {
    const channels = open(env)
    expect([...channels.senders.keys()]).toEqual([id])
    expect([...channels.live]).toEqual(["web", id])
    expect(channels).toHaveProperty(id)
  })

  test("each of several channels can send", () => {
    expect([...open({ ...TELEGRAM, ...SMS }).live]).toEqual(expect.arrayContaining(["web", "telegram", "sms"]))
  })

  test("is never GitHub, because nobody gets messages there", () => {
    const channels = open({ GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b", ...SECRETS })
    expect([[...channels.live], channels.senders.size]).toEqual([["web"], 0])
  })
})

describe("a webhook", () => {
  test("of Telegram exists only with its secret", () => {
    expect(open(TELEGRAM).telegram?.webhook).toBeNull()
    expect(open({ ...TELEGRAM, ...SECRETS }).telegram?.webhook).toBeTypeOf("function")
  })

  test("of SMS exists only with a public address, because signatures cover it", () => {
    expect(open(SMS).sms?.webhook).toBeNull()
    expect(open({ ...SMS, ...PUBLIC }).sms?.webhook).toMatchObject({ incoming: expect.any(Function) })
  })

  test("of GitHub exists only with its secret, with or without credentials for the API", () => {
    expect(open({ GITHUB_TOKEN: "x", GITHUB_REPOS: "a/b" }).github).toBeNull()
    expect(open({ ...SECRETS, GITHUB_REPOS: "a/b" }).github).not.toBeNull()
    expect(open({ ...SECRETS, GITHUB_REPOS: "a/b" }).api).toBeUndefined()
  })
})

describe("GitHub's API", () => {
  test("exists with a token", () => {
    expect(open({ GITHUB_TOKEN: "x" }).api).toBeDefined()
  })

  test("does not exist without credentials, whatever else is set", () => {
    expect(open({ GITHUB_REPOS: "a/b", ...SECRETS }).api).toBeUndefined()
  })
})
