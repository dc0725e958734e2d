/**
 * The real product at its edge, with every webhook there is, talked to over bare sockets: whatever bytes, in whatever pieces.
 * `delivery` makes what each of the senders would send, rightly signed.
 */
import { createHmac } from "node:crypto"
import { type AddressInfo, connect, type Socket } from "node:net"
import { sql } from "drizzle-orm"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { startApp } from "../../src/app/app.ts"
import type { Fields, Log } from "../../src/base/log.ts"
import type { Limits } from "../../src/http/server.ts"
import { testDatabase } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { AUTHSERV, mime } from "../support/mail-stand-in.ts"
import { basicEnv, OWNER_PHONE, PATIENT, PUBLIC_URL } from "../support/product.ts"

const SECRET = "edge-secret-0123456789-abcdef"
const OWNER = 4242
const TWILIO = { sid: `AC${"a".repeat(32)}`, token: "twilio-auth-token", number: "+15557770000" }
const NOWHERE = "http://127.0.0.1:9"

export const ROUTES = [
  "/webhooks/telegram",
  "/webhooks/twilio",
  "/webhooks/twilio/status",
  "/webhooks/github",
  "/webhooks/email",
  "/webhooks/in/deploy",
] as const
export type Route = (typeof ROUTES)[number]

export interface Raw {
  method: string
  path: string
  headers: [name: string, value: string][]
  body: Buffer
}

export interface Edge {
  port: number
  lines: { event: string; fields: Fields }[]
  /** Makes and signs delivery number `n` of a route; `body` is sent, rightly signed, in place of its own. */
  delivery(route: Route, n: number, body?: Buffer): Raw
  /** Events that may start something. */
  taken(): Promise<number>
  query: (statement: ReturnType<typeof sql>) => Promise<Record<string, unknown>[]>
  /** Connections that the server has open. */
  connections(): Promise<number>
  stop(): Promise<void>
}

export async function startEdge(limits: Partial<Limits> = {}): Promise<Edge> {
  const database = await testDatabase()
  const { dir, remove } = testDir()
  const lines: Edge["lines"] = []
  const keep = (event: string, fields: Fields = {}) => void lines.push({ event, fields })
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep }
  const env = {
    ...basicEnv(dir),
    PUBLIC_URL,
    VIGIL_MODEL: "offline",
    TELEGRAM_BOT_TOKEN: "666:edge",
    TELEGRAM_WEBHOOK_SECRET: SECRET,
    TELEGRAM_API_ROOT: NOWHERE,
    OWNER_TELEGRAM_ID: String(OWNER),
    TWILIO_ACCOUNT_SID: TWILIO.sid,
    TWILIO_AUTH_TOKEN: TWILIO.token,
    TWILIO_NUMBER: TWILIO.number,
    TWILIO_API_BASE: NOWHERE,
    OWNER_PHONE,
    SMTP_URL: "smtp://127.0.0.1:9",
    EMAIL_FROM: "vigil@example.com",
    EMAIL_WEBHOOK_SECRET: SECRET,
    EMAIL_AUTHSERV_ID: AUTHSERV,
    OWNER_EMAIL: "ana@example.com",
    GITHUB_WEBHOOK_SECRET: SECRET,
    GITHUB_REPOS: "acme/shop",
  }
  const app = await startApp({
    env,
    role: "web",
    db: database.db,
    log,
    limits: { ...PATIENT, webhooksPerMinute: 1e9, ...limits },
  })
  const { secret } = await app.infrastructure.hooks.put("deploy", {
    action: { kind: "say", text: "{{payload}}" },
    grants: [],
  })
  const { port } = app.server.server.address() as AddressInfo
  return {
    port,
    lines,
    delivery: (route, n, body) => MAKERS[route](n, body, secret ?? ""),
    query: (statement) => database.db.query(statement),
    async taken() {
      const [row] = await database.db.query<{ n: number }>(
        sql`select count(*) as n from inbox where state <> 'recorded'`,
      )
      return row?.n ?? 0
    },
    connections: () =>
      new Promise((resolve, reject) =>
        app.server.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    async stop() {
      await app.stop(0)
      if (database.kind === "postgres") await database.drop()
      remove()
    },
  }
}

type Make = (n: number, body: Buffer | undefined, hookSecret: string) => Raw

const MAKERS: Record<Route, Make> = {
  "/webhooks/telegram": (n, body) => {
    const person = { id: OWNER, is_bot: false, first_name: "O" }
    const message = { message_id: n, date: 1, chat: { id: OWNER, type: "private" }, from: person, text: `words ${n}` }
    const headers: Raw["headers"] = [["x-telegram-bot-api-secret-token", SECRET]]
    return post("/webhooks/telegram", "application/json", body ?? json({ update_id: n, message }), headers)
  },
  "/webhooks/twilio": (n, body) =>
    twilio("/webhooks/twilio", body, { MessageSid: sid(n), From: OWNER_PHONE, Body: `words ${n}`, NumMedia: "0" }),
  "/webhooks/twilio/status": (n, body) =>
    twilio("/webhooks/twilio/status", body, { MessageSid: sid(n), MessageStatus: "delivered" }),
  "/webhooks/github": (n, given) => {
    const issue = {
      number: n,
      title: "It crashes",
      body: "when I press pay",
      user: { login: "eve" },
      author_association: "NONE",
      state: "open",
      html_url: `https://github.com/acme/shop/issues/${n}`,
      updated_at: "2026-11-20T10:00:00Z",
    }
    const sender = { login: "eve", type: "User" }
    const body = given ?? json({ action: "opened", repository: { full_name: "acme/shop" }, sender, issue })
    return post("/webhooks/github", "application/json", body, [
      ["x-hub-signature-256", `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`],
      ["x-github-event", "issues"],
      ["x-github-delivery", `delivery-${n}`],
    ])
  },
  "/webhooks/email": (n, given) => {
    const body =
      given ?? Buffer.from(mime({ "Message-ID": `<${n}@mail.example.com>`, Subject: `Words ${n}` }, `mail ${n}`))
    return post("/webhooks/email", "message/rfc822", body, [["x-vigil-signature", own(SECRET, body)]])
  },
  "/webhooks/in/deploy": (n, given, secret) => {
    const body = given ?? json({ build: n })
    return post("/webhooks/in/deploy", "application/json", body, [
      ["x-vigil-signature", own(secret, body)],
      ["idempotency-key", `build-${n}`],
    ])
  },
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const sid = (n: number) => `SM${String(n).padStart(32, "0")}`

function own(secret: string, body: Buffer): string {
  const t = Math.floor(Date.now() / 1000)
  return `t=${t},v1=${createHmac("sha256", secret).update(`${t}.`).update(body).digest("hex")}`
}

function twilio(path: string, given: Buffer | undefined, fields: Record<string, string>): Raw {
  const body =
    given ?? Buffer.from(new URLSearchParams({ AccountSid: TWILIO.sid, To: TWILIO.number, ...fields }).toString())
  const form: Record<string, string | string[]> = Object.create(null)
  const read = new URLSearchParams(body.toString())
  for (const key of new Set(read.keys()))
    form[key] = read.getAll(key).length > 1 ? read.getAll(key) : (read.get(key) ?? "")
  const signature = getExpectedTwilioSignature(TWILIO.token, `${PUBLIC_URL}${path}`, form)
  return post(path, "application/x-www-form-urlencoded", body, [["x-twilio-signature", signature]])
}

function post(path: string, type: string, body: Buffer, headers: Raw["headers"]): Raw {
  return { method: "POST", path, headers: [["content-type", type], ...headers], body }
}

/** The bytes of a request with a right length, one header a line, on a connection that ends with it. */
export function bytesOf({ method, path, headers, body }: Raw): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "host: edge",
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${body.length}`,
    "connection: close",
  ]
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body])
}

export interface Heard {
  /** Of the answers, in order, without interim ones. */
  statuses: number[]
  text: string
}

export interface Manner {
  /** What the sender does after its last byte: waits for the end, closes its half, or resets. */
  end?: "wait" | "half" | "reset"
  /** Once so many answers came, it hangs up. */
  answers?: number
}

/** Sends these pieces, each after the one before it left, and listens until the connection is closed. */
export async function talk(port: number, pieces: Buffer[], { end = "wait", answers = 1 }: Manner = {}): Promise<Heard> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  const heard = listen(socket, answers)
  for (const piece of pieces) {
    if (socket.destroyed) break
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
  }
  if (end === "half") socket.end()
  if (end === "reset") socket.resetAndDestroy()
  return await heard
}

export function listen(socket: Socket, answers: number): Promise<Heard> {
  const { promise, resolve } = Promise.withResolvers<Heard>()
  let text = ""
  const statuses = () =>
    [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1])).filter((status) => status >= 200)
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1")
    if (statuses().length >= answers && /\r\n\r\n/.test(text)) socket.end()
  })
  // A reset while we still write is the server's right.
  socket.on("error", () => {})
  socket.on("close", () => resolve({ statuses: statuses(), text }))
  return promise
}
