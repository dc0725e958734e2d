/** Process: the product as a person starts it: time to ready, first and again, and the memory it then holds. */
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { testDir } from "../support/dir.ts"
import { freePort } from "../support/free-port.ts"

export interface ProcessFigures {
  /** Milliseconds from spawn to an answering /readyz. */
  firstMs: number
  againMs: number
  /** Resident megabytes after a few texts. */
  residentMb: number
}

/** Started with the flag that `npm start` and the image give. */
const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

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
  const port = await freePort()
  const env = {
    PATH: process.env.PATH,
    DATA_DIR: dir,
    PORT: String(port),
    VIGIL_MODEL: "offline",
    LOG_LEVEL: "silent",
    ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}),
  }
  const start = performance.now()
  const child = spawn(process.execPath, ["--max-semi-space-size=4", MAIN, "all"], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  })
  const url = `http://127.0.0.1:${port}`
  await ready(url, child)
  const readyMs = performance.now() - start
  const token = readFileSync(`${dir}/token`, "utf8").trim()
  return {
    readyMs,
    resident: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1000,
    async say(text: string) {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=10" }
      await (await fetch(`${url}/api/v1/messages`, { method: "POST", headers, body: JSON.stringify({ text }) })).text()
    },
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGTERM")
      await gone
    },
  }
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const answer = await fetch(`${url}/readyz`).catch(() => null)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`the product ended with ${child.exitCode} before it was ready`)
}
