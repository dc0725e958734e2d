/**
 * Load: webhooks at a rate, from a process of their own, against the product as it is started for real. Whatever was ever
 * acknowledged is then looked for: in the inbox once, and at its end.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { promisify } from "node:util"
import { sql } from "drizzle-orm"
import { fastify } from "fastify"
import { newId } from "../../src/base/ids.ts"
import type { Db } from "../../src/db/db.ts"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { type DatabaseKind, testDatabase } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { createProcess, type ProductProcess } from "../support/process.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"
import { openStorage } from "../support/storage.ts"
import type { Order, Shot } from "./generator.ts"

const OWNER = 4242
const SECRET = "load-secret-0123456789-abcdef"
const CHATS = 20
const LOOK_MS = 500

export interface Loaded {
  shoot(rate: number, seconds: number): Promise<Shot>
  /** Waits until nothing is under way; milliseconds, or null when it took longer than `ms`. */
  settle(ms: number): Promise<number | null>
  /** One sentence for each promise that was broken, once the processes are gone. */
  violations(): Promise<string[]>
  stop(): Promise<void>
}

/** A product that is texted by Telegram, and has no model. */
export function settings(telegramUrl: string): Record<string, string> {
  return {
    PUBLIC_URL: "http://vigil.test",
    LOG_LEVEL: "error",
    VIGIL_MODEL: "offline",
    VIGIL_PROBE_LOCAL: "0",
    VIGIL_SEND_PACE: "off",
    TELEGRAM_BOT_TOKEN: "666:load",
    TELEGRAM_WEBHOOK_SECRET: SECRET,
    TELEGRAM_API_ROOT: telegramUrl,
    OWNER_TELEGRAM_ID: String(OWNER),
  }
}

/** Takes every message. */
export function startTelegram(): Promise<StandIn> {
  let messages = 0
  return startStandIn(({ url }) => {
    const isMessage = url.pathname.endsWith("/sendMessage")
    const chat = { id: OWNER, type: "private" }
    const me = { id: 666, is_bot: true, first_name: "Vigil", username: "vigil_bot" }
    const sent = { message_id: ++messages, date: 1, chat, text: "x" }
    return { status: 200, body: { ok: true, result: url.pathname.endsWith("/getMe") ? me : isMessage ? sent : true } }
  })
}

/** On Postgres a web and a worker process, embedded one process for all. */
export async function startLoaded(kind: DatabaseKind): Promise<Loaded> {
  const storage = await openStorage(kind)
  const telegram = await startTelegram()
  const env = { ...settings(telegram.url), ...storage.env() }
  const roles = kind === "postgres" ? (["web", "worker"] as const) : (["all"] as const)
  const processes: ProductProcess[] = []
  for (const command of roles) processes.push(await createProcess({ env, command }))
  for (const product of processes) await product.start()
  const acknowledged: number[] = []
  const killAll = () => Promise.all(processes.map((product) => product.kill()))
  return {
    async shoot(rate, seconds) {
      const url = `${processes[0]?.url}/webhooks/telegram`
      const first = acknowledged.length + newest(acknowledged) + 1
      const shot = await generate({ url, pace: { rate }, seconds, first })
      acknowledged.push(...shot.acknowledged)
      return shot
    },
    async settle(ms) {
      const start = performance.now()
      while (performance.now() - start < ms) {
        const text = await (await fetch(`${processes[0]?.url}/metrics`).catch(() => null))?.text()
        if (text?.includes("vigil_database_up 1") && !UNDER_WAY.test(text)) return performance.now() - start
        await pause(LOOK_MS)
      }
      return null
    },
    async violations() {
      const crashes = processes.flatMap((product) => product.crashes)
      await killAll()
      return [...crashes, ...(await compare(await storage.open(), acknowledged))]
    },
    async stop() {
      await killAll()
      await telegram.stop()
      await storage.remove()
    },
  }
}

const UNDER_WAY = /^vigil_(?:inbox\{state="(?:new|claimed)"\}|outbox\{state="(?:pending|sending)"\}) [1-9]/m
const newest = (numbers: number[]) => numbers.reduce((most, n) => Math.max(most, n), 0)

async function compare(db: Db, acknowledged: number[]): Promise<string[]> {
  const rows = await db.query<{ id: string; state: string; run: string | null }>(sql`
    select external_id as id, inbox.state, runs.state as run from inbox left join runs on runs.id = inbox.run_id
    where source = 'telegram:666'`)
  const seen = new Map<string, number>()
  for (const { id } of rows) seen.set(id, (seen.get(id) ?? 0) + 1)
  const missing = acknowledged.filter((n) => !seen.has(String(n)))
  const twice = [...seen.values()].filter((times) => times > 1)
  const open = rows.filter(({ state, run }) => state !== "done" || run !== "done")
  const [unsent] = await db.query<{ n: number }>(sql`
    select count(*) as n from outbox where channel = 'telegram' and state <> 'sent'`)
  return [
    ...(missing.length > 0
      ? [`${missing.length} acknowledged events are not in the inbox: ${missing.slice(0, 5)}`]
      : []),
    ...(twice.length > 0 ? [`${twice.length} events are in the inbox more than once`] : []),
    ...(open.length > 0 ? [`${open.length} events did not reach their end: ${JSON.stringify(open[0])}`] : []),
    ...(unsent?.n ? [`${unsent.n} replies were not sent`] : []),
  ]
}

export async function generate(order: Pick<Order, "url" | "pace" | "seconds" | "first">): Promise<Shot> {
  const script = join(import.meta.dirname, "generator.ts")
  const given: Order = { secret: SECRET, owner: OWNER, chats: CHATS, ...order }
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(given)], { maxBuffer: 1e9 })
  return JSON.parse(stdout) as Shot
}

/** The same requests against a bare Fastify that inserts one row for each. */
export async function shootBare(kind: DatabaseKind, rate: number, seconds: number): Promise<Shot> {
  const { dir, remove } = testDir()
  const database = kind === "postgres" ? await testDatabase("postgres") : null
  const db = database?.db ?? (await openPglite({ dir: `${dir}/db` }))
  const bare = await startBare(db)
  const shot = await generate({ url: bare.url, pace: { rate }, seconds, first: 1 })
  await bare.stop()
  if (database) await database.drop()
  else await db.close()
  remove()
  return shot
}

/** Fastify, and one insert for each request. */
export async function startBare(db: Db): Promise<{ url: string; stop(): Promise<void> }> {
  await db.script("create table if not exists bare (id uuid primary key, body jsonb not null)")
  const server = fastify({ logger: false })
  server.post("/", async (request) => {
    await db.query(
      sql`insert into bare (id, body) values (${newId()}::uuid, ${JSON.stringify(request.body)}::text::jsonb)`,
    )
    return {}
  })
  const url = await server.listen({ host: "127.0.0.1", port: 0 })
  return { url: `${url}/`, stop: () => server.close() }
}
