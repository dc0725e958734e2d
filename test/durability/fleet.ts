/** Fleet: processes of the product as they are started for real, each on a port of its own, killed without warning. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/free-port.ts"

const MAIN = join(import.meta.dirname, "../../src/main.ts")
const READY_MS = 120_000
const LOOK_MS = 40

export interface Ship {
  url: string
  /** Starts a process and waits until it can serve. Throws what it printed when it ends instead. */
  start(): Promise<void>
  /** SIGKILL, and waits until the kernel has taken everything back. */
  kill(): Promise<void>
  isReady(): boolean
  /** SIGSTOP for so long, then SIGCONT: a worker that sleeps past its lease and wakes. Nothing when it is killed meanwhile. */
  freeze(ms: number): Promise<void>
  /** The last words of its processes. */
  said(): string
  /** What processes of this ship said about themselves when they ended by themselves. */
  wrecks: string[]
}

export interface ShipOptions {
  /** What the process does; all of it unless told. */
  role?: "all" | "web" | "worker"
  /** Flags for node, before the program. */
  flags?: string[]
}

export async function createShip(
  env: Record<string, string>,
  { role = "all", flags = [] }: ShipOptions = {},
): Promise<Ship> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const wrecks: string[] = []
  let child: ChildProcess | undefined
  let ready = false
  let said = ""
  process.once("exit", () => child?.kill("SIGKILL"))

  function launch(): ChildProcess {
    const options = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env, PORT: String(port) }
    const made = spawn(process.execPath, [...flags, MAIN, role], { env: options, stdio: ["ignore", "pipe", "pipe"] })
    const hear = (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-4000)
    }
    made.stdout.on("data", hear)
    made.stderr.on("data", hear)
    made.on("exit", (code, signal) => {
      if (signal !== "SIGKILL") wrecks.push(`ended with ${code ?? signal}: ${said}`)
    })
    return made
  }

  return {
    url,
    wrecks,
    isReady: () => ready,
    said: () => said,
    async start() {
      const made = launch()
      child = made
      const deadline = Date.now() + READY_MS
      while (child === made && made.exitCode === null && made.signalCode === null) {
        if (Date.now() > deadline) throw new Error(`not ready after ${READY_MS} ms`)
        ready = await fetch(`${url}/readyz`).then(
          (response) => response.ok,
          () => false,
        )
        if (ready) return
        await sleep(LOOK_MS)
      }
      if (made.signalCode === null) throw new Error(wrecks.at(-1) ?? "it ended before it was ready")
    },
    async freeze(ms) {
      const victim = child
      ready = false
      victim?.kill("SIGSTOP")
      await sleep(ms)
      victim?.kill("SIGCONT")
      ready = child !== undefined && child === victim
    },
    async kill() {
      const victim = child
      child = undefined
      ready = false
      if (!victim || victim.exitCode !== null || victim.signalCode !== null) return
      victim.kill("SIGKILL")
      await once(victim, "exit")
    },
  }
}
