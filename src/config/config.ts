/**
 * Config: the one reader of the environment. It returns a complete, typed configuration, or reports all problems at once,
 * each with its fix. The caller lays the values of the vault over the environment first.
 */
import { resolve } from "node:path"
import { z } from "zod"
import { Misconfigured } from "../base/errors.ts"

const text = z.string().trim().min(1)
const url = z.url({ protocol: /^https?$/ }).transform((value) => value.replace(/\/+$/, ""))
const usd = z.coerce.number().nonnegative()
const list = z.string().transform((value) =>
  value
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean),
)
const mail = z.string().trim().toLowerCase().pipe(z.email("is not a mail address"))
const zone = z.string().refine(isZone, "is not an IANA time zone, for example America/New_York")
const flag = z.enum(["0", "1", "true", "false"]).transform((value) => value === "1" || value === "true")

/** Each variable with its schema and the fix for a wrong value. */
const VARIABLES = {
  HOST: [text.default("127.0.0.1"), "set HOST to an address to listen on, for example 127.0.0.1"],
  PORT: [z.coerce.number().int().min(0).max(65_535).default(8080), "set PORT to a number from 0 to 65535"],
  PUBLIC_URL: [
    url.optional(),
    "set PUBLIC_URL to the address that reaches this server from outside, for example https://vigil.example.com",
  ],
  DATA_DIR: [text.default("./data").transform((dir) => resolve(dir)), "set DATA_DIR to a directory"],
  DATABASE_URL: [
    z.url({ protocol: /^postgres(ql)?$/ }).optional(),
    "set DATABASE_URL like postgres://user:password@host:5432/name",
  ],
  QUEUE_BACKEND: [
    z.enum(["postgres", "citus", "yugabytedb", "cockroachdb"]).default("postgres"),
    "set QUEUE_BACKEND to postgres, citus, yugabytedb or cockroachdb",
  ],
  MASTER_KEY: [text.refine(isKey, "is not 32 bytes in base64").optional(), "make one with: openssl rand -base64 32"],
  LOG_LEVEL: [
    z.enum(["debug", "info", "warn", "error", "silent"]).optional(),
    "set LOG_LEVEL to debug, info, warn, error or silent",
  ],
  OPENAI_API_KEY: [text.optional(), "copy it from your provider's console"],
  OPENAI_BASE_URL: [
    url.optional(),
    "set OPENAI_BASE_URL to an OpenAI-compatible endpoint, for example http://127.0.0.1:11434/v1",
  ],
  VIGIL_MODEL: [text.optional(), "set VIGIL_MODEL to a model's name, or to offline"],
  VIGIL_EMBEDDING_MODEL: [text.optional(), "set VIGIL_EMBEDDING_MODEL to an embedding model's name"],
  VIGIL_TRANSCRIPTION_MODEL: [text.optional(), "set VIGIL_TRANSCRIPTION_MODEL to a model that transcribes recordings"],
  VIGIL_IMAGES: [flag.optional(), "set VIGIL_IMAGES to 0 or 1"],
  VIGIL_FALLBACK_MODELS: [list.default([]), "set VIGIL_FALLBACK_MODELS to names separated by commas"],
  VIGIL_PROBE_LOCAL: [flag.default(true), "set VIGIL_PROBE_LOCAL to 0 or 1"],
  TELEGRAM_BOT_TOKEN: [
    text.regex(/^\d+:[\w-]+$/, "does not look like a bot token").optional(),
    "copy it from @BotFather",
  ],
  TELEGRAM_WEBHOOK_SECRET: [
    text.regex(/^[\w-]{16,256}$/, "must be 16 to 256 of A-Z a-z 0-9 _ -").optional(),
    "make one with: openssl rand -hex 32",
  ],
  TELEGRAM_API_ROOT: [url.optional(), "set TELEGRAM_API_ROOT to the Bot API server, or leave it out"],
  TWILIO_ACCOUNT_SID: [
    text.regex(/^AC[0-9a-fA-F]{32}$/, "is not AC and 32 hex digits").optional(),
    "copy it from the Twilio console",
  ],
  TWILIO_AUTH_TOKEN: [text.optional(), "copy it from the Twilio console"],
  TWILIO_AUTH_TOKEN_PREVIOUS: [
    text.optional(),
    "set TWILIO_AUTH_TOKEN_PREVIOUS to the token before a change, or leave it out",
  ],
  TWILIO_NUMBER: [phone().optional(), "set TWILIO_NUMBER like +15551234567"],
  TWILIO_MESSAGING_SERVICE_SID: [
    text.regex(/^MG[0-9a-fA-F]{32}$/, "is not MG and 32 hex digits").optional(),
    "copy it from the Twilio console",
  ],
  TWILIO_WHATSAPP_NUMBER: [phone().optional(), "set TWILIO_WHATSAPP_NUMBER like +15551234567"],
  TWILIO_API_BASE: [url.optional(), "set TWILIO_API_BASE to Twilio's API, or leave it out"],
  SMTP_URL: [
    z
      .url({ protocol: /^smtps?$/, error: "is not an smtps:// or smtp:// address" })
      .refine(isDecodable, "has a % that does not encode a character")
      .optional(),
    "set SMTP_URL like smtps://user:password@mail.example.com:465, with signs such as @ in the password written as %40",
  ],
  EMAIL_FROM: [
    text.regex(/^[^<>\r\n]*<?[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+>?$/, "is not a mail address").optional(),
    "set EMAIL_FROM like vigil@example.com or Vigil <vigil@example.com>",
  ],
  EMAIL_WEBHOOK_SECRET: [
    text.min(16, "is shorter than 16 characters").optional(),
    "make one with: openssl rand -hex 32",
  ],
  EMAIL_AUTHSERV_ID: [
    text.regex(/^[\w.-]+$/, "is not the name of a server").optional(),
    "set EMAIL_AUTHSERV_ID to the first word of the Authentication-Results header that your mail receiver adds",
  ],
  GITHUB_TOKEN: [text.optional(), "make a fine-grained token with Issues: read and write"],
  GITHUB_APP_ID: [text.optional(), "copy it from your GitHub App's page"],
  GITHUB_APP_PRIVATE_KEY: [text.optional(), "download it from your GitHub App's page"],
  GITHUB_WEBHOOK_SECRET: [
    text.min(8, "is shorter than 8 characters").optional(),
    "make one with: openssl rand -hex 32",
  ],
  GITHUB_API_URL: [url.optional(), "set GITHUB_API_URL to GitHub's API, or leave it out"],
  GITHUB_REPOS: [
    list.default([]).refine((repos) => repos.every((r) => /^[\w.-]+\/[\w.-]+$/.test(r)), "is not a list of owner/name"),
    "set GITHUB_REPOS like owner/name,owner/other",
  ],
  OWNER_PHONE: [phone("whatsapp:").optional(), "set OWNER_PHONE like +15551234567 or whatsapp:+15551234567"],
  OWNER_EMAIL: [mail.optional(), "set OWNER_EMAIL like ana@example.com"],
  OWNER_TELEGRAM_ID: [text.regex(/^\d+$/, "is not a number").optional(), "ask @userinfobot for your numeric id"],
  OWNER_TIMEZONE: [zone.optional(), "set OWNER_TIMEZONE like Europe/Lisbon"],
  DAILY_BUDGET_USD: [usd.optional(), "set DAILY_BUDGET_USD to dollars, for example 2.50"],
  MONTHLY_BUDGET_USD: [usd.optional(), "set MONTHLY_BUDGET_USD to dollars, for example 30"],
  VIGIL_SEND_PACE: [
    z
      .string()
      .regex(/^(?:off|(?:telegram|sms|email)=[1-9]\d{0,5}(?:,(?:telegram|sms|email)=[1-9]\d{0,5})*)$/, "is not a pace")
      .transform(readPace)
      .default({}),
    "set VIGIL_SEND_PACE to off, or to messages a minute for some channels, like sms=600,email=30",
  ],
  VIGIL_TOKEN: [text.min(32, "is shorter than 32 characters").optional(), "make one with: openssl rand -hex 32"],
  VIGIL_URL: [url.optional(), "set VIGIL_URL to the server the command line talks to"],
} as const satisfies Record<string, readonly [z.ZodType, string]>

/** Variables whose values are secret. They may stand in the vault, and the scrubber takes them out of everything written. */
export const SECRET_NAMES = [
  "OPENAI_API_KEY",
  "TELEGRAM_BOT_TOKEN",
  "TELEGRAM_WEBHOOK_SECRET",
  "TWILIO_AUTH_TOKEN",
  "TWILIO_AUTH_TOKEN_PREVIOUS",
  "SMTP_URL",
  "EMAIL_WEBHOOK_SECRET",
  "GITHUB_TOKEN",
  "GITHUB_APP_PRIVATE_KEY",
  "GITHUB_WEBHOOK_SECRET",
] as const

/** Variables that may stand in the vault: the secrets, and the id that is made together with one of them. */
export const VAULT_NAMES = [...SECRET_NAMES, "GITHUB_APP_ID"] as const

export type Config = { [K in keyof typeof VARIABLES]: z.output<(typeof VARIABLES)[K][0]> }
export type Environment = Record<string, string | undefined>

export interface ConfigProblem {
  variable: string
  message: string
  fix: string
}

/** Thrown by `readConfig` with all problems. */
export class InvalidConfig extends Misconfigured {
  readonly problems: ConfigProblem[]
  constructor(problems: ConfigProblem[]) {
    super(problems.map((p) => `${p.variable} ${p.message}\n    fix: ${p.fix}`).join("\n  "), {
      code: "invalid_config",
      fix: problems.map((p) => p.fix).join("; "),
    })
    this.problems = problems
  }
}

/**
 * Reads the environment. An empty value counts as not set. Throws `InvalidConfig`.
 * @param vault `unread` while the vault may still hold secrets that the environment lacks; they are then not reported as missing.
 */
export function readConfig(env: Environment, { vault = "read" }: { vault?: "read" | "unread" } = {}): Config {
  const problems: ConfigProblem[] = []
  const values: Record<string, unknown> = {}
  for (const [variable, [schema, fix]] of Object.entries(VARIABLES)) {
    const parsed = schema.safeParse(env[variable]?.trim() === "" ? undefined : env[variable])
    if (parsed.success) values[variable] = parsed.data
    else problems.push({ variable, message: parsed.error.issues[0]?.message ?? "is wrong", fix })
  }
  // Each value was parsed by the schema of its key, so together they have the type of the schemas.
  const config = values as Config
  const wrong = new Set(problems.map((problem) => problem.variable))
  const secrets = new Set<string>(vault === "unread" ? VAULT_NAMES : [])
  problems.push(...conflicts(config).filter(({ variable }) => !wrong.has(variable) && !secrets.has(variable)))
  if (problems.length > 0) throw new InvalidConfig(problems)
  return config
}

/** Adds a problem when the first two arguments are both true. */
type Need = (when: unknown, missing: boolean, variable: string, message: string, fix: string) => void

/** Problems of settings that are valid alone but need each other. */
function conflicts(c: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const need: Need = (when, missing, variable, message, fix) => {
    if (when && missing) problems.push({ variable, message, fix })
  }
  need(
    !isLoopback(c.HOST),
    !c.MASTER_KEY,
    "MASTER_KEY",
    `is missing, and HOST=${c.HOST} is open to others`,
    VARIABLES.MASTER_KEY[1],
  )
  need(
    c.TWILIO_ACCOUNT_SID,
    !c.TWILIO_AUTH_TOKEN,
    "TWILIO_AUTH_TOKEN",
    "is missing, so SMS cannot verify its sender",
    "copy it from the Twilio console, then: vigil secrets set TWILIO_AUTH_TOKEN",
  )
  need(
    c.TWILIO_AUTH_TOKEN,
    !c.TWILIO_ACCOUNT_SID,
    "TWILIO_ACCOUNT_SID",
    "is missing beside TWILIO_AUTH_TOKEN",
    VARIABLES.TWILIO_ACCOUNT_SID[1],
  )
  need(
    c.TWILIO_ACCOUNT_SID,
    !c.TWILIO_NUMBER && !c.TWILIO_MESSAGING_SERVICE_SID && !c.TWILIO_WHATSAPP_NUMBER,
    "TWILIO_NUMBER",
    "is missing, so SMS has no sender",
    "set TWILIO_NUMBER, TWILIO_MESSAGING_SERVICE_SID or TWILIO_WHATSAPP_NUMBER",
  )
  need(
    c.TELEGRAM_BOT_TOKEN && c.PUBLIC_URL,
    !c.TELEGRAM_WEBHOOK_SECRET,
    "TELEGRAM_WEBHOOK_SECRET",
    "is missing, and with PUBLIC_URL Telegram calls a webhook",
    VARIABLES.TELEGRAM_WEBHOOK_SECRET[1],
  )
  mailNeeds(c, need)
  need(
    c.GITHUB_APP_ID,
    !c.GITHUB_APP_PRIVATE_KEY,
    "GITHUB_APP_PRIVATE_KEY",
    "is missing beside GITHUB_APP_ID",
    VARIABLES.GITHUB_APP_PRIVATE_KEY[1],
  )
  need(
    c.GITHUB_APP_PRIVATE_KEY,
    !c.GITHUB_APP_ID,
    "GITHUB_APP_ID",
    "is missing beside GITHUB_APP_PRIVATE_KEY",
    VARIABLES.GITHUB_APP_ID[1],
  )
  return problems
}

function mailNeeds(c: Config, need: Need): void {
  need(c.SMTP_URL, !c.EMAIL_FROM, "EMAIL_FROM", "is missing, so mail has no sender", VARIABLES.EMAIL_FROM[1])
  need(
    c.EMAIL_WEBHOOK_SECRET,
    !c.SMTP_URL,
    "SMTP_URL",
    "is missing, so mail that comes in could not be answered",
    VARIABLES.SMTP_URL[1],
  )
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** `off`, or for each channel its messages a minute. */
function readPace(value: string): "off" | { telegram?: number; sms?: number; email?: number } {
  if (value === "off") return value
  return Object.fromEntries(value.split(",").map((part) => [part.split("=")[0] ?? "", Number(part.split("=")[1])]))
}

function isZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value })
    return true
  } catch {
    return false
  }
}

/** Whether the user name and the password of an address can be decoded. */
function isDecodable(address: string): boolean {
  try {
    const { username, password } = new URL(address)
    return decodeURIComponent(`${username} ${password}`) !== ""
  } catch {
    return false
  }
}

function isKey(value: string): boolean {
  return Buffer.from(value, "base64").length === 32
}

/** A phone number in E.164. @param network a prefix that may stand before it. */
function phone(network = "") {
  return z.string().regex(new RegExp(`^(?:${network})?\\+[1-9]\\d{6,14}$`), "is not in international form")
}
