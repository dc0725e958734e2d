import { resolve } from "node:path"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Config, InvalidConfig, isLoopback, readConfig, SECRET_NAMES } from "../../src/config/config.ts"

const SID = "0123456789abcdef0123456789ABCDEF"
const KEY = Buffer.alloc(32, 7).toString("base64")

function problemsOf(env: Record<string, string>): InvalidConfig["problems"] {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof InvalidConfig) return error.problems
    throw error
  }
  return []
}
const wrong = (env: Record<string, string>) => problemsOf(env).map((problem) => problem.variable)

/** For each variable: texts that it takes, with their values (a text alone stays as it is), and texts that it refuses. */
const CASES: Record<keyof Config, { takes: (string | [string, unknown])[]; refuses: string[]; beside?: object }> = {
  HOST: { takes: ["127.0.0.1", "localhost", "::1", [" 127.0.0.1 ", "127.0.0.1"]], refuses: [] },
  PORT: {
    takes: [
      ["0", 0],
      ["8080", 8080],
      ["65535", 65_535],
    ],
    refuses: ["65536", "-1", "80.5", "http", "80a"],
  },
  PUBLIC_URL: {
    takes: ["https://v.example.com", "http://10.0.0.1:8080", ["https://v.example.com/a//", "https://v.example.com/a"]],
    refuses: ["v.example.com", "ftp://v.example.com", "https://"],
  },
  DATA_DIR: { takes: ["/var/lib/vigil", ["data", resolve("data")]], refuses: [] },
  DATABASE_URL: {
    takes: ["postgres://u:p@db:5432/vigil", "postgresql://db/vigil"],
    refuses: ["mysql://db/vigil", "db/vigil", "https://db/vigil"],
  },
  QUEUE_BACKEND: { takes: ["postgres", "citus", "yugabytedb", "cockroachdb"], refuses: ["redis", "Postgres"] },
  MASTER_KEY: {
    takes: [KEY],
    refuses: [Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64"), "x"],
  },
  LOG_LEVEL: { takes: ["debug", "info", "warn", "error", "silent"], refuses: ["trace", "INFO"] },
  OPENAI_API_KEY: { takes: ["sk-1", [" sk-1\n", "sk-1"]], refuses: [] },
  OPENAI_BASE_URL: {
    takes: [["http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1"]],
    refuses: ["127.0.0.1:11434"],
  },
  VIGIL_MODEL: { takes: ["offline", "some/model:7b"], refuses: [] },
  VIGIL_EMBEDDING_MODEL: { takes: ["embed-small"], refuses: [] },
  VIGIL_TRANSCRIPTION_MODEL: { takes: ["whisper-1"], refuses: [] },
  VIGIL_IMAGES: {
    takes: [
      ["0", false],
      ["true", true],
    ],
    refuses: ["yes"],
  },
  VIGIL_FALLBACK_MODELS: { takes: [["a, b,,c ", ["a", "b", "c"]]], refuses: [] },
  VIGIL_SEND_PACE: {
    takes: [
      ["off", "off"],
      ["sms=600,email=30", { sms: 600, email: 30 }],
    ],
    refuses: ["on", "sms", "sms=0", "sms=1.5", "pigeon=3", "sms=1,"],
  },
  VIGIL_PROBE_LOCAL: {
    takes: [
      ["0", false],
      ["false", false],
      ["1", true],
      ["true", true],
    ],
    refuses: ["yes", "2"],
  },
  TELEGRAM_BOT_TOKEN: { takes: ["42:AAF-x_y"], refuses: ["AAF", "bot42:AAF", "42:", "42:a b"] },
  TELEGRAM_WEBHOOK_SECRET: {
    takes: ["a".repeat(16), "A-z_9".repeat(10)],
    refuses: ["short", "a".repeat(257), "with space in it!"],
  },
  TELEGRAM_API_ROOT: { takes: ["http://127.0.0.1:8081"], refuses: ["api.telegram.org"] },
  TWILIO_ACCOUNT_SID: {
    takes: [`AC${SID}`],
    refuses: [SID, `AC${SID}0`, "AC123", `MG${SID}`],
    beside: { TWILIO_AUTH_TOKEN: "t", TWILIO_NUMBER: "+15551234567" },
  },
  TWILIO_AUTH_TOKEN: {
    takes: ["t0ken"],
    refuses: [],
    beside: { TWILIO_ACCOUNT_SID: `AC${SID}`, TWILIO_NUMBER: "+15551234567" },
  },
  TWILIO_NUMBER: { takes: ["+15551234567"], refuses: ["15551234567", "+0551234567", "+1555", "+1 555 123 4567"] },
  TWILIO_MESSAGING_SERVICE_SID: { takes: [`MG${SID}`], refuses: [`AC${SID}`, "MG1"] },
  TWILIO_AUTH_TOKEN_PREVIOUS: { takes: ["old"], refuses: [] },
  TWILIO_WHATSAPP_NUMBER: { takes: ["+14155238886"], refuses: ["14155238886", "whatsapp:+14155238886"] },
  TWILIO_API_BASE: { takes: ["http://127.0.0.1:9"], refuses: ["twilio"] },
  SMTP_URL: {
    takes: ["smtps://u:p%40ss@mail.example.com:465", "smtp://127.0.0.1:2525"],
    refuses: ["mail.example.com", "https://mail.example.com", "smtps://u:100%@mail.example.com"],
    beside: { EMAIL_FROM: "vigil@example.com" },
  },
  EMAIL_FROM: {
    takes: ["vigil@example.com", "Vigil <vigil@example.com>"],
    refuses: ["vigil", "vigil@host", "a@b.c\r\nBcc: d@e.f"],
  },
  EMAIL_WEBHOOK_SECRET: {
    takes: ["0123456789abcdef"],
    refuses: ["short"],
    beside: { SMTP_URL: "smtp://127.0.0.1", EMAIL_FROM: "vigil@example.com" },
  },
  EMAIL_AUTHSERV_ID: { takes: ["mx.example.com"], refuses: ["mx.example.com; dmarc=pass"] },
  OWNER_EMAIL: { takes: ["ana@example.com", [" Ana@Example.com", "ana@example.com"]], refuses: ["ana"] },
  GITHUB_TOKEN: { takes: ["github_pat_1"], refuses: [] },
  GITHUB_APP_ID: { takes: ["12345"], refuses: [], beside: { GITHUB_APP_PRIVATE_KEY: "pem" } },
  GITHUB_APP_PRIVATE_KEY: { takes: ["-----BEGIN\nx"], refuses: [], beside: { GITHUB_APP_ID: "1" } },
  GITHUB_WEBHOOK_SECRET: { takes: ["12345678"], refuses: ["1234567"] },
  GITHUB_API_URL: { takes: ["https://ghe.example.com/api/v3"], refuses: ["ghe"] },
  GITHUB_REPOS: {
    takes: [["a/b, c.d/e-f_g", ["a/b", "c.d/e-f_g"]]],
    refuses: ["vigil", "a/b/c", "https://github.com/a/b", "a/b c/d"],
  },
  OWNER_PHONE: {
    takes: ["+15551234567", "whatsapp:+15551234567"],
    refuses: ["5551234567", "+1(555)123", "sms:+15551234567"],
  },
  OWNER_TELEGRAM_ID: { takes: ["42"], refuses: ["@me", "-42"] },
  OWNER_TIMEZONE: { takes: ["America/New_York", "Europe/Lisbon", "UTC"], refuses: ["New York", "Mars/Base", "EDT5"] },
  DAILY_BUDGET_USD: {
    takes: [
      ["2.50", 2.5],
      ["0", 0],
    ],
    refuses: ["-1", "two", "$2", "Infinity", "NaN"],
  },
  MONTHLY_BUDGET_USD: { takes: [["30", 30]], refuses: ["-0.01", "30 USD"] },
  VIGIL_TOKEN: { takes: ["t".repeat(32)], refuses: ["t".repeat(31)] },
  VIGIL_URL: { takes: ["http://127.0.0.1:8080"], refuses: ["localhost"] },
}
const variables = Object.keys(CASES).filter((name): name is keyof Config => name in CASES)

test("an empty environment is a complete configuration", () => {
  expect(readConfig({})).toMatchObject({
    HOST: "127.0.0.1",
    PORT: 8080,
    DATA_DIR: resolve("data"),
    QUEUE_BACKEND: "postgres",
    VIGIL_FALLBACK_MODELS: [],
    VIGIL_PROBE_LOCAL: true,
    GITHUB_REPOS: [],
  })
})

describe.each(variables)("%s", (name) => {
  const { takes, refuses, beside } = CASES[name]

  test.each(takes.map((one) => (typeof one === "string" ? ([one, one] as const) : one)))("takes %j", (text, value) => {
    expect(readConfig({ ...beside, [name]: text })[name]).toEqual(value)
  })

  if (refuses.length > 0) {
    test.each(refuses)("refuses %j, and says what to do", (text) => {
      expect(problemsOf({ [name]: text })).toMatchObject([{ variable: name, fix: expect.stringMatching(/\w+ \w+/) }])
    })
  }

  test.each(["", " \n"])("is not set when it is %j", (text) => {
    expect(readConfig({ [name]: text })[name]).toEqual(readConfig({})[name])
  })
})

test("all problems are reported at once, each with its fix", () => {
  const env = { PORT: "http", OWNER_TIMEZONE: "New York", DAILY_BUDGET_USD: "-1", GITHUB_REPOS: "vigil" }
  expect(problemsOf(env)).toEqual([
    { variable: "PORT", message: expect.any(String), fix: "set PORT to a number from 0 to 65535" },
    {
      variable: "GITHUB_REPOS",
      message: "is not a list of owner/name",
      fix: "set GITHUB_REPOS like owner/name,owner/other",
    },
    {
      variable: "OWNER_TIMEZONE",
      message: expect.stringContaining("IANA"),
      fix: "set OWNER_TIMEZONE like Europe/Lisbon",
    },
    {
      variable: "DAILY_BUDGET_USD",
      message: expect.any(String),
      fix: "set DAILY_BUDGET_USD to dollars, for example 2.50",
    },
  ])
})

test("the error's text names each variable and each fix", () => {
  const read = () => readConfig({ PORT: "http", VIGIL_TOKEN: "short" })
  expect(read).toThrow(/PORT [\s\S]*fix: set PORT[\s\S]*VIGIL_TOKEN is shorter[\s\S]*fix: make one with/)
  expect(read).toThrow(expect.objectContaining({ code: "invalid_config" }))
})

describe("settings that need each other:", () => {
  const telegram = { TELEGRAM_BOT_TOKEN: "42:AAF" }
  const twilio = { TWILIO_ACCOUNT_SID: `AC${SID}`, TWILIO_AUTH_TOKEN: "t" }

  test.each<[string, Record<string, string>, string[]]>([
    ["an address open to others needs a master key", { HOST: "0.0.0.0" }, ["MASTER_KEY"]],
    ["so does a name that is not this machine", { HOST: "vigil.example.com" }, ["MASTER_KEY"]],
    ["with the key it is fine", { HOST: "0.0.0.0", MASTER_KEY: KEY }, []],
    ["this machine needs none", { HOST: "127.0.0.2" }, []],
    [
      "an account needs its token",
      { TWILIO_ACCOUNT_SID: `AC${SID}`, TWILIO_NUMBER: "+15551234567" },
      ["TWILIO_AUTH_TOKEN"],
    ],
    ["a token needs its account", { TWILIO_AUTH_TOKEN: "t" }, ["TWILIO_ACCOUNT_SID"]],
    ["an account needs a sender", twilio, ["TWILIO_NUMBER"]],
    ["a number is a sender", { ...twilio, TWILIO_NUMBER: "+15551234567" }, []],
    ["WhatsApp is a sender", { ...twilio, TWILIO_WHATSAPP_NUMBER: "+15551234567" }, []],
    ["a messaging service is a sender", { ...twilio, TWILIO_MESSAGING_SERVICE_SID: `MG${SID}` }, []],
    ["mail needs a sender", { SMTP_URL: "smtp://127.0.0.1" }, ["EMAIL_FROM"]],
    ["mail that comes in needs a way out", { EMAIL_WEBHOOK_SECRET: "0123456789abcdef" }, ["SMTP_URL"]],
    ["an account alone lacks both", { TWILIO_ACCOUNT_SID: `AC${SID}` }, ["TWILIO_AUTH_TOKEN", "TWILIO_NUMBER"]],
    ["a bot that is polled needs no webhook secret", telegram, []],
    [
      "a bot with a public address does",
      { ...telegram, PUBLIC_URL: "https://v.example.com" },
      ["TELEGRAM_WEBHOOK_SECRET"],
    ],
    [
      "and is fine with it",
      { ...telegram, PUBLIC_URL: "https://v.example.com", TELEGRAM_WEBHOOK_SECRET: "s".repeat(16) },
      [],
    ],
    ["an app id needs its key", { GITHUB_APP_ID: "1" }, ["GITHUB_APP_PRIVATE_KEY"]],
    ["a key needs its app id", { GITHUB_APP_PRIVATE_KEY: "pem" }, ["GITHUB_APP_ID"]],
    ["an app with both is fine", { GITHUB_APP_ID: "1", GITHUB_APP_PRIVATE_KEY: "pem" }, []],
    ["a token needs nothing", { GITHUB_TOKEN: "x" }, []],
  ])("%s", (_rule, env, missing) => {
    expect(wrong(env)).toEqual(missing)
  })

  test("several conflicts are reported at once", () => {
    expect(wrong({ HOST: "0.0.0.0", GITHUB_APP_ID: "1", TWILIO_AUTH_TOKEN: "t" })).toEqual([
      "MASTER_KEY",
      "TWILIO_ACCOUNT_SID",
      "GITHUB_APP_PRIVATE_KEY",
    ])
  })
})

test("no value of a variable is printed with its problem, since it may be a secret in the wrong place", () => {
  const canary = "canary-5f3a!"
  const named = variables.filter((name) => CASES[name].refuses.length > 0)
  const problems = problemsOf(Object.fromEntries(named.map((name) => [name, canary])))
  expect(problems.map((problem) => problem.variable)).toEqual(
    expect.arrayContaining(["TELEGRAM_BOT_TOKEN", "DATABASE_URL"]),
  )
  expect(JSON.stringify(problems)).not.toContain(canary)
})

test("conflicts print no secret either", () => {
  const secrets = Object.fromEntries(SECRET_NAMES.map((name) => [name, "42:canary-5f3a-0123456789"]))
  const problems = problemsOf({ ...secrets, HOST: "0.0.0.0", PUBLIC_URL: "https://v.example.com" })
  expect(problems.length).toBeGreaterThan(0)
  expect(JSON.stringify(problems)).not.toContain("canary")
})

test("every environment gives a configuration or a list of problems, and nothing else", () => {
  const names = fc.constantFrom(...variables)
  fc.assert(
    fc.property(fc.dictionary(names, fc.oneof(fc.string(), fc.webUrl(), fc.integer().map(String))), (env) => {
      for (const problem of problemsOf(env)) expect(problem.fix).not.toBe("")
    }),
  )
})

test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["128.0.0.1", false],
  ["127.0.0.1.example.com", false],
  ["localhost.example.com", false],
])("%s reaches only this machine: %s", (host, only) => {
  expect(isLoopback(host)).toBe(only)
})

test("a secret that may be in the vault is not reported as missing before the vault was read", () => {
  const env = { TWILIO_ACCOUNT_SID: `AC${"0".repeat(32)}`, TWILIO_NUMBER: "+15550009999" }
  expect(readConfig(env, { vault: "unread" }).TWILIO_NUMBER).toBe("+15550009999")
  expect(() => readConfig(env)).toThrow("TWILIO_AUTH_TOKEN")
})

test("conflicts between settings are reported beside values that are wrong by themselves", () => {
  expect(() => readConfig({ HOST: "0.0.0.0", PORT: "x" })).toThrow(/PORT[\s\S]*MASTER_KEY/)
})
