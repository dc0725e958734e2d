/** A whole server on a loopback port over a test database: real inbox, people, sessions and channels, features made up. */
import { randomBytes } from "node:crypto"
import type { AddressInfo } from "node:net"
import type { FastifyInstance } from "fastify"
import { newId } from "../../src/base/ids.ts"
import type { Fields, Log } from "../../src/base/log.ts"
import { createGitHubWebhook } from "../../src/channels/github/webhook.ts"
import { createSms } from "../../src/channels/sms/sms.ts"
import { createTelegram } from "../../src/channels/telegram/telegram.ts"
import type { Served } from "../../src/contract/instant.ts"
import type { AutomationRow } from "../../src/contract/work/automations.ts"
import type { MemoryRow } from "../../src/contract/work/memories.ts"
import type { DecisionRow, Rota } from "../../src/contract/work/triage.ts"
import type { Features } from "../../src/http/api/api.ts"
import { createServer, type ServerDeps } from "../../src/http/server.ts"
import { createIntake } from "../../src/thread/inbox/intake.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { createSessions, type Sessions } from "../../src/thread/people/sessions.ts"
import { type TestDatabase, testDatabase } from "../support/database.ts"
import { PATIENT } from "../support/product.ts"
import { spine } from "../support/spine.ts"

export const TOKEN = "test-token-of-thirty-two-characters!"
export const TELEGRAM_SECRET = "telegram-secret-0123456789"
export const GITHUB_SECRET = "github-secret-0123456789"
export const TWILIO = { sid: `AC${"a".repeat(32)}`, token: "twilio-auth-token", number: "+15557770000" }
export const OWNER_PHONE = "+15550001111"
export const PUBLIC_URL = "https://vigil.example.com"

export interface House {
  app: FastifyInstance
  url: string
  database: TestDatabase
  s: Awaited<ReturnType<typeof spine>>
  sessions: Sessions
  /** Every log line so far: its name and fields. */
  lines: { event: string; fields: Fields }[]
  secrets: Map<string, unknown>
  clock: { at: Date }
  /** A request with the owner's token. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** Signs a browser in and gives its cookie. */
  cookie(): Promise<string>
  stop(): Promise<void>
}

export interface HouseOptions
  extends Partial<Pick<ServerDeps, "role" | "isQueueReady" | "limits" | "channels" | "token">> {
  config?: ServerDeps["config"]
  features?: Partial<Features>
  telegramApi?: string
  /** Time as the inbox and the runs see it. */
  now?: () => Date
}

export async function house(options: HouseOptions = {}): Promise<House> {
  const database = await testDatabase()
  const clock = { at: new Date() }
  const s = await spine({ db: database.db, ...(options.now ? { now: options.now } : {}) })
  await s.people.ensureOwner({ telegramId: "4242" })
  const lines: House["lines"] = []
  const note = (event: string, fields: Fields = {}) => void lines.push({ event, fields })
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const sessions = createSessions({ db: database.db, clock: { now: () => clock.at }, random: (n) => randomBytes(n) })
  const secrets = new Map<string, unknown>()
  const app = createServer({
    role: "all",
    config: { HOST: "127.0.0.1", PUBLIC_URL: undefined },
    version: "9.9.9",
    db: database.db,
    queue: s.queue,
    isQueueReady: () => true,
    inbox: s.inbox,
    intake: createIntake({ db: database.db, people: s.people, inbox: s.inbox, log }),
    outbox: s.outbox,
    sessions,
    notifier: s.notifier,
    newId,
    log,
    token: TOKEN,
    channels: channels(options.telegramApi),
    ...options,
    limits: { ...PATIENT, ...options.limits },
    features: { ...features(secrets), ...options.features },
  })
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    app,
    url,
    database,
    s,
    sessions,
    lines,
    secrets,
    clock,
    ask: (path, init = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...init.headers } }),
    cookie: () => signIn(url, sessions),
    async stop() {
      await app.close()
      await s.stop()
      await database.drop()
    },
  }
}

export async function signIn(url: string, sessions: Sessions): Promise<string> {
  const answer = await fetch(`${url}/start`, {
    method: "POST",
    redirect: "manual",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ k: await sessions.mint() }),
  })
  return (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? ""
}

/** JSON in a request. */
export function sending(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } }
}

function channels(telegramApi = "http://127.0.0.1:9"): ServerDeps["channels"] {
  return {
    telegram: createTelegram({ token: "123456:abc", webhookSecret: TELEGRAM_SECRET, apiRoot: telegramApi }),
    sms: createSms({ accountSid: TWILIO.sid, authToken: TWILIO.token, number: TWILIO.number, publicUrl: PUBLIC_URL }),
    github: createGitHubWebhook({ webhookSecret: GITHUB_SECRET, repos: ["acme/shop"] }),
  }
}

const AT = new Date("2026-11-22T12:10:00.000Z")
const LABEL = { integrity: "owner", confidentiality: "private" } as const
const SUM = { calls: 0, tokens: 0, usd: 0, unpriced: 0 }
const AUTOMATION = {
  id: 1,
  name: "digest",
  title: "digest",
  personId: OWNER_ID,
  action: { kind: "digest" },
  recurrence: { kind: "cron", expr: "0 8 * * *" },
  sentence: "every day at 8",
  zone: "UTC",
  label: LABEL,
  grants: [],
  catchUpMs: 60_000,
  state: "active",
  handledTo: AT,
  nextAt: AT,
  createdAt: AT,
} as const satisfies Served<AutomationRow>
const MEMORY = {
  id: 7,
  scope: "person:me",
  kind: "fact",
  text: "tea",
  label: LABEL,
  sources: {},
  recordedAt: AT,
  score: 1,
  parts: { lexical: 1 },
} as const satisfies Served<MemoryRow>
const SECRET = { version: 1, hosts: [], tools: [], createdAt: AT, updatedAt: AT, lastUse: null, refused: 0 }
const DECISION = {
  id: OWNER_ID,
  repo: "any/repo",
  number: 1,
  contentHash: "x",
  title: "It breaks",
  kind: "bug",
  confidence: 0.9,
  reason: "it says so",
  method: "rules",
  hard: false,
  labels: ["bug"],
  assignee: null,
  reusedFrom: null,
  url: "https://github.com/any/repo/issues/1",
  demo: false,
  state: "applied",
  correctedTo: null,
  correctedAssignee: null,
  runId: OWNER_ID,
  memoryId: null,
  decidedAt: AT,
} satisfies Served<DecisionRow>
const DEMO = {
  issues: 10,
  applied: 8,
  declined: 0,
  pending: 2,
  byKind: { bug: 4, feature: 3, question: 2, docs: 1 },
  approvals: [],
  unfinished: 0,
  digest: "Triage: <10> issues",
  segments: 2,
}

function features(secrets: Map<string, unknown>): Features {
  let rota: Rota | null = null
  return {
    status: async () => ({
      version: "9.9.9",
      model: { provider: "offline", model: "rules", offline: true, because: "no key is set" },
      channels: [{ id: "telegram", state: "ready", detail: "@bot" }],
      database: { kind: "pglite" },
      owner: { zone: null, hostZone: "UTC" },
      memoryMb: 100,
    }),
    automations: async () => [AUTOMATION],
    memories: async ({ q, limit }) => [{ ...MEMORY, text: `${limit} about ${q ?? "nothing"}` }],
    secrets: async () => [...secrets.keys()].map((name) => ({ ...SECRET, name })),
    setSecret: async (name, secret) => void secrets.set(name, secret),
    deleteSecret: async (name) => secrets.delete(name),
    spend: async () => ({ today: SUM, month: SUM, byModel: [], caps: { dailyUsd: null, monthlyUsd: 5 } }),
    pair: async (name) => ({ code: "ABCD3467", person: name || "a new member", expiresAt: AT }),
    runDemo: async () => DEMO,
    rota: async () => rota,
    setRota: async (given) => {
      rota = given
    },
    decisions: async ({ limit, repo = "any/repo" }) => [{ ...DECISION, repo, number: limit }],
  }
}
