/** Mortal ship: one product as a real process that dies where it is told, and is started again on what it left. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Point } from "./points.ts"
import type { Order, Report } from "./preload.ts"

const ROOT = join(import.meta.dirname, "../../..")
const READY_MS = 120_000
const LOOK_MS = 50

export interface MortalShip {
  url(): string | null
  /** @param point where this life ends, from its first moment on; null for none. */
  start(point: Point | null): Promise<void>
  arm(point: Point): Promise<void>
  sql(text: string): Promise<Record<string, unknown>[]>
  /** True when it killed itself within `ms`. */
  died(ms: number): Promise<boolean>
  stop(): Promise<void>
  said(): string
}

export function createMortalShip(env: Record<string, string>, port: number): MortalShip {
  const url = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  let ready = false
  let orders = 0
  let said = ""
  const waiting = new Map<number, (report: Report) => void>()

  function launch(point: Point | null): ChildProcess {
    const made = spawn(process.execPath, ["--import", join(import.meta.dirname, "preload.ts"), "src/main.ts", "all"], {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH ?? "",
        HOME: process.env.HOME ?? "",
        ...env,
        PORT: String(port),
        ...(point ? { CRASH_AT: JSON.stringify(point) } : {}),
      },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    })
    ended = once(made, "exit")
    const hear = (chunk: Buffer) => {
      said = `${said}${chunk}`.slice(-3000)
    }
    made.stdout?.on("data", hear)
    made.stderr?.on("data", hear)
    made.on("message", (report: Report) => {
      waiting.get(report.id)?.(report)
      waiting.delete(report.id)
    })
    return made
  }

  const isAlive = (one: ChildProcess) => one.exitCode === null && one.signalCode === null

  async function tell(make: (id: number) => Order): Promise<Record<string, unknown>[]> {
    const to = child
    if (!to?.connected || !isAlive(to)) throw new Error("there is no process")
    const order = make(++orders)
    const { promise, resolve, reject } = Promise.withResolvers<Report>()
    waiting.set(order.id, resolve)
    const gone = () => reject(new Error("the process is gone"))
    to.once("exit", gone)
    // It may die as it is told.
    to.send(order, (error) => error && gone())
    const report = await promise.finally(() => to.off("exit", gone))
    if ("error" in report) throw new Error(report.error)
    return report.rows
  }

  return {
    url: () => (ready && child && isAlive(child) ? url : null),
    said: () => said,
    async start(point) {
      ready = false
      const made = launch(point)
      child = made
      const deadline = Date.now() + READY_MS
      while (isAlive(made) && Date.now() < deadline) {
        ready = await fetch(`${url}/readyz`).then(
          (answer) => answer.ok,
          () => false,
        )
        if (ready) return
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
      }
      if (made.signalCode !== "SIGKILL") throw new Error(`it did not start: ${said}`)
    },
    async arm(point) {
      await tell((id) => ({ id, arm: point }))
    },
    sql: (text) => tell((id) => ({ id, sql: text })),
    async died(ms) {
      if (!child) return false
      if (ms > 0) await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, ms))])
      return child.signalCode === "SIGKILL"
    },
    async stop() {
      if (!child || !isAlive(child)) return
      child.kill("SIGKILL")
      await ended
    },
  }
}
