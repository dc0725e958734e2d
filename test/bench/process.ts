/** Process: the product as a person starts it: time to ready, first and again, and the memory it then holds. */
import { readFileSync } from "node:fs"
import { testDir } from "../support/dir.ts"
import { createProcess } from "../support/process.ts"

export interface ProcessFigures {
  /** Milliseconds from spawn to an answering /readyz. */
  firstMs: number
  againMs: number
  /** Resident megabytes after a few texts. */
  residentMb: number
}

export async function benchProcess(databaseUrl?: string): Promise<ProcessFigures> {
  const { dir, remove } = testDir()
  const first = await boot(dir, databaseUrl)
  await first.stop()
  const times: number[] = []
  let residentMb = 0
  for (let i = 0; i < 5; i++) {
    const again = await boot(dir, databaseUrl)
    times.push(again.readyMs)
    for (let n = 0; n < 20; n++) await again.say("ping")
    residentMb = Math.max(residentMb, again.resident())
    await again.stop()
  }
  remove()
  return { firstMs: first.readyMs, againMs: times.toSorted((a, b) => a - b)[2] ?? Number.NaN, residentMb }
}

async function boot(dir: string, databaseUrl?: string) {
  const env = {
    DATA_DIR: dir,
    VIGIL_MODEL: "offline",
    LOG_LEVEL: "silent",
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
  }
  const product = await createProcess({ env })
  const start = performance.now()
  product.launch()
  await product.ready()
  const readyMs = performance.now() - start
  const token = readFileSync(`${dir}/token`, "utf8").trim()
  return {
    readyMs,
    resident: () => product.residentBytes() / 1e6,
    async say(text: string) {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=10" }
      const init = { method: "POST", headers, body: JSON.stringify({ text }) }
      await (await fetch(`${product.url}/api/v1/messages`, init)).text()
    },
    stop: product.stop,
  }
}
