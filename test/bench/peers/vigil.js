/** Vigil itself, whole: a text over its HTTP API, model, tools that write to memory, journal, outbox, and the answer back over HTTP. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startApp } from "../../../src/app/app.ts"
import { silentLog } from "../../../src/base/log.ts"
import { openDb } from "../../../src/db/open.ts"
import { measure, settings } from "./measure.js"

const dir = mkdtempSync(join(tmpdir(), "vigil-bench-"))
const token = "0123456789abcdef0123456789abcdef"
const env = {
  PORT: "0",
  DATA_DIR: dir,
  DATABASE_URL: settings.databaseUrl,
  OPENAI_BASE_URL: settings.modelUrl,
  OPENAI_API_KEY: "none",
  VIGIL_MODEL: "instant",
  VIGIL_TOKEN: token,
}
const db = await openDb({ databaseUrl: settings.databaseUrl, dataDir: dir, now: new Date() })
const app = await startApp({ env, role: "all", db, log: silentLog })
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=30" }

await measure(async (text) => {
  const body = JSON.stringify({ text, thread: "new" })
  const response = await fetch(`${app.url}/api/v1/messages`, { method: "POST", headers, body })
  return (await response.json()).reply
})
rmSync(dir, { recursive: true })
process.exit(0)
