/**
 * Boat: one process of the product, started as it is for real, that can be stopped, gone on with, asked to leave and
 * killed, with modules loaded before it that put it in trouble or look into it. It never restarts by itself.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../../support/free-port.ts"

const MAIN = join(import.meta.dirname, "../../../src/main.ts")
const READY_MS = 60_000
const LOOK_MS = 20

export interface BoatOptions {
  env: Record<string, string>
  role?: "all" | "web" | "worker"
  /** Modules of this folder, imported before the product. */
  with?: string[]
  /** Options of Node. */
  flags?: string[]
}

export interface Boat {
  url: string
  start(): Promise<void>
  /** Milliseconds until it answers that it is ready. */
  ready(): Promise<number>
  isUp(): boolean
  signal(name: NodeJS.Signals): void
  /** Waits for its end: the exit code, or the signal. */
  ended(): Promise<number | string>
  /** It may end by itself from now on, until it is started again. */
  expectEnd(): void
  /** SIGKILL, and waits until the kernel has taken everything back. */
  kill(): Promise<void>
  /** Asks a module that was loaded before it. */
  ask<T>(question: object): Promise<T>
  /** The last words of its processes. */
  said(): string
  /** How often each event was logged. */
  events: Map<string, number>
  /** Ends that nobody asked for. */
  wrecks: string[]
}

export async function createBoat(options: BoatOptions): Promise<Boat> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const wrecks: string[] = []
  const events = new Map<string, number>()
  let child: ChildProcess | undefined
  let mayEnd = false
  let said = ""

  function launch(): ChildProcess {
    const before = (options.with ?? []).flatMap((name) => ["--import", join(import.meta.dirname, name)])
    const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...options.env, PORT: String(port) }
    const args = [...(options.flags ?? []), ...before, MAIN, options.role ?? "all"]
    const made = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe", "ipc"] })
    const hear = (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-8000)
      for (const [, event = ""] of String(chunk).matchAll(/"event":"(\w+)"/g))
        events.set(event, (events.get(event) ?? 0) + 1)
    }
    made.stdout?.on("data", hear)
    made.stderr?.on("data", hear)
    made.on("exit", (code, signal) => {
      if (!mayEnd) wrecks.push(`a process ended with ${code ?? signal}: ${said.slice(-1500)}`)
    })
    return made
  }

  const isUp = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function ready(): Promise<number> {
    const from = performance.now()
    while (performance.now() - from < READY_MS) {
      if (!isUp()) throw new Error(`the product ended before it was ready: ${said}`)
      const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
      await answer?.text().catch(() => {})
      if (answer?.ok) return performance.now() - from
      await sleep(LOOK_MS)
    }
    throw new Error(`not ready after ${READY_MS} ms: ${said}`)
  }

  return {
    url,
    wrecks,
    events,
    ready,
    isUp,
    said: () => said,
    async start() {
      mayEnd = false
      said = ""
      child = launch()
      await ready()
      // It may still be on its way: a database that goes away now ends it, as a start that failed.
      while (isUp() && !said.includes("ready in ")) await sleep(LOOK_MS)
    },
    signal(name) {
      if (name === "SIGTERM" || name === "SIGINT") mayEnd = true
      child?.kill(name)
    },
    async ended() {
      mayEnd = true
      if (child && isUp()) await once(child, "exit")
      return child?.exitCode ?? child?.signalCode ?? "never started"
    },
    expectEnd() {
      mayEnd = true
    },
    async kill() {
      mayEnd = true
      if (!child || !isUp()) return
      child.kill("SIGKILL")
      await once(child, "exit")
    },
    async ask<T>(question: object) {
      if (!child || !isUp()) throw new Error(`there is no process to ask: ${said}`)
      const answer = once(child, "message", { signal: AbortSignal.timeout(READY_MS) })
      child.send(question)
      // What a module of this folder says, in the type that it declares.
      return (await answer)[0] as T
    },
  }
}
