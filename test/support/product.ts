/**
 * The whole product in this process, on a fresh database and a loopback port, talked to as the outside does: over HTTP.
 * Its clock runs on from a chosen moment and can be moved; the database keeps its own time for leases.
 */
import { join } from "node:path"
import { type App, startApp } from "../../src/app/app.ts"
import type { AppOptions, Role } from "../../src/app/infrastructure.ts"
import type { Clock } from "../../src/base/clock.ts"
import type { Fields, Log } from "../../src/base/log.ts"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { openDb } from "../../src/db/open.ts"
import { openPostgres } from "../../src/db/postgres.ts"
import { databaseKind, image, testDatabase } from "./database.ts"
import { testDir } from "./dir.ts"

export const TOKEN = "story-token-of-thirty-two-characters"
export const OWNER_PHONE = "+15552223333"
export const PUBLIC_URL = "https://vigil.example.com"

export interface RunningClock extends Clock {
  to(moment: string): void
  pass(ms: number): void
}

/** A clock that runs from `start` on, so that what happens later also has a later time. */
export function runningClock(start: string | number = Date.now()): RunningClock {
  let offset = new Date(start).getTime() - Date.now()
  return {
    now: () => new Date(Date.now() + offset),
    to(moment) {
      offset = new Date(moment).getTime() - Date.now()
    },
    pass(ms) {
      offset += ms
    },
  }
}

export interface Said {
  thread: string
  id: string
  run: string | null
  reply: string | null
}

export interface Product {
  app: App
  /** Where it listens. */
  url: string
  /** Every log line so far. */
  lines: { event: string; fields: Fields }[]
  /** As the owner on the web; waits for the answer. */
  say(text: string, more?: { thread?: string }): Promise<Said>
  /** A JSON answer of the API, of the shape the caller expects; throws for any status but 2xx. */
  api<T>(path: string, init?: { method?: string; body?: unknown }): Promise<T>
  /** A request as it is, without the token. */
  ask(path: string, init?: RequestInit): Promise<Response>
  /** Stops it gently; runs get `graceMs` to end. */
  stop(graceMs?: number): Promise<void>
}

export interface ProductOptions {
  env?: Record<string, string>
  clock?: Clock
  role?: Role
  /** A place from `home()`, to start in again; else a database in memory, gone with the product. */
  home?: Home
  limits?: AppOptions["limits"]
}

/** A busy machine is no overload of the product's: only the stories of overload say what too much is. */
export const PATIENT = { maxDelayMs: 60_000, maxWaitMs: 120_000 }

/** Starts it with nothing set but where it is, and what `env` adds. */
export async function startProduct({
  env = {},
  clock,
  role = "all",
  home,
  limits,
}: ProductOptions = {}): Promise<Product> {
  const own = home ? null : await ownGround()
  const infrastructure = home ?? own
  if (!infrastructure) throw new Error("a product needs a home")
  const lines: Product["lines"] = []
  const app = await startApp({
    env: { ...basicEnv(infrastructure.dir), ...env },
    role,
    limits: { ...PATIENT, ...limits },
    db: await infrastructure.open(),
    ...(clock ? { clock } : {}),
    log: keeping(lines),
  })
  return {
    app,
    url: app.url,
    lines,
    ...talk(app.url),
    async stop(graceMs = 2000) {
      await app.stop(graceMs)
      await own?.remove()
    },
  }
}

/** The settings that every story has. */
export function basicEnv(dir: string): Record<string, string> {
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    DATA_DIR: dir,
    VIGIL_PROBE_LOCAL: "0",
    VIGIL_TOKEN: TOKEN,
    OWNER_TIMEZONE: "Europe/Lisbon",
  }
}

/** The owner's side of a server at `url`. */
export function talk(url: string): Pick<Product, "say" | "api" | "ask"> {
  async function api<T>(path: string, init: { method?: string; body?: unknown; prefer?: string } = {}): Promise<T> {
    const { method = "GET", body, prefer } = init
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(prefer ? { prefer } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return JSON.parse(text) as T
  }
  return {
    api,
    ask: (path, init) => fetch(`${url}${path}`, init),
    say: (text, more = {}) =>
      api<Said>("/api/v1/messages", { method: "POST", body: { text, ...more }, prefer: "wait=60" }),
  }
}

/** A data directory and its database that outlive a product: for stories with a restart. */
export interface Home {
  dir: string
  /** For `DATABASE_URL`; empty when the database is embedded. */
  url: string
  open(): Promise<Opened>
  remove(): Promise<void>
}

export async function home(): Promise<Home> {
  const { dir, remove } = testDir()
  if (databaseKind === "pglite") {
    await (await openPglite({ dir: join(dir, "db"), image: await image() })).close()
    return { dir, url: "", open: () => openDb({ dataDir: dir, now: new Date() }), remove: async () => remove() }
  }
  const base = await testDatabase()
  return {
    dir,
    url: base.url,
    open: async () => openPostgres({ url: base.url, max: 6 }),
    async remove() {
      await base.drop()
      remove()
    },
  }
}

async function ownGround(): Promise<Home> {
  const { dir, remove } = testDir()
  const base = await testDatabase()
  return {
    dir,
    url: base.url,
    open: async () => base.db,
    async remove() {
      if (base.kind === "postgres") await base.drop()
      remove()
    },
  }
}

function keeping(lines: Product["lines"]): Log {
  const keep = (event: string, fields: Fields = {}) => void lines.push({ event, fields })
  return { debug: keep, info: keep, warn: keep, error: keep }
}
