/** Accept: a signed webhook to its 200, at a fixed rate over real HTTP, beside a bare Fastify with one insert in the same run. */
import { setTimeout as pause } from "node:timers/promises"
import { sql } from "drizzle-orm"
import { fastify } from "fastify"
import wh from "twilio/lib/webhooks/webhooks.js"
import { startApp } from "../../src/app/app.ts"
import { newId } from "../../src/base/ids.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { testDir } from "../support/dir.ts"
import { type Sample, sampleOf } from "./figures.ts"

export interface AcceptFigures {
  accept: Sample
  baseline: Sample
  /** Accepted a second. */
  rate: number
}

const TOKEN = "0123456789abcdef0123456789abcdef"
const SID = `AC${"0".repeat(32)}`
/** Not counted: connections are opened, code is compiled. */
const WARM_SECONDS = 1
const PUBLIC = "https://bench.example.com"

export async function benchAccept(
  db: Opened,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<AcceptFigures> {
  const { dir, remove } = testDir()
  const env = {
    PORT: "0",
    DATA_DIR: dir,
    VIGIL_MODEL: "offline",
    PUBLIC_URL: PUBLIC,
    TWILIO_ACCOUNT_SID: SID,
    TWILIO_AUTH_TOKEN: TOKEN,
    TWILIO_NUMBER: "+15550009999",
    OWNER_PHONE: "+15550001111",
  }
  const app = await startApp({ env, role: "web", db: { ...db, close: async () => {} }, log: silentLog })
  const accept = await load({ rate, seconds }, (i) => {
    const form = {
      AccountSid: SID,
      MessageSid: `SM${String(i).padStart(32, "0")}`,
      From: "+15550001111",
      To: "+15550009999",
      Body: "ping",
    }
    return fetch(`${app.url}/webhooks/twilio`, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "x-twilio-signature": wh.getExpectedTwilioSignature(TOKEN, `${PUBLIC}/webhooks/twilio`, form) },
    })
  })
  await app.stop(0)
  remove()
  return { accept, baseline: await benchBare(db, { rate, seconds }), rate }
}

async function benchBare(db: Opened, options: { rate: number; seconds: number }): Promise<Sample> {
  const server = fastify({ logger: false })
  server.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_r, body, done) =>
    done(null, body),
  )
  server.post("/", async () => {
    const id = newId()
    await db.query(sql`insert into kv (namespace, key, value, updated_at) values ('bench', ${id}, '{}', now())`)
    return {}
  })
  const url = await server.listen({ host: "127.0.0.1", port: 0 })
  const sample = await load(options, () => fetch(url, { method: "POST", body: new URLSearchParams({ Body: "ping" }) }))
  await server.close()
  return sample
}

/** Sends at a fixed rate whatever the answers take (open loop), so that a slow answer delays nobody's clock but its own. */
async function load(
  { rate, seconds }: { rate: number; seconds: number },
  send: (i: number) => Promise<Response>,
): Promise<Sample> {
  const took: number[] = []
  const all: Promise<void>[] = []
  const start = performance.now()
  for (let i = 0; i < rate * (WARM_SECONDS + seconds); i++) {
    const due = start + (i * 1000) / rate
    const wait = due - performance.now()
    if (wait > 1) await pause(wait)
    all.push(
      send(i).then(async (response) => {
        await response.text()
        if (!response.ok) throw new Error(`the server answered ${response.status}`)
        if (i >= rate * WARM_SECONDS) took.push(performance.now() - due)
      }),
    )
  }
  await Promise.all(all)
  return sampleOf(took)
}
