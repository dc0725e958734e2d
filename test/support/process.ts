/**
 * Process: the product as a person starts it, in a process of its own: started, watched, frozen, stopped and killed from
 * outside. A handle has one process at a time, always on the same port. None restarts by itself, and none outlives its maker.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { NODE_FLAGS } from "../../src/node-flags.ts"
import { freePort } from "./free-port.ts"

/** What `npm start` and the image give node before the program; every start of the product in the tests takes it from here. */
export const nodeArguments: readonly string[] = NODE_FLAGS

const MAIN = join(import.meta.dirname, "../../src/main.ts")
/** For a start on a busy machine. */
const READY_MS = 120_000
const LOOK_MS = 10
/** Characters of its output that are kept, when not all are. */
const TAIL = 8000

export interface ProcessOptions {
  /** Beside PATH and HOME. Without a `PORT`, or with `0`, the handle takes a free one. */
  env: Record<string, string>
  /** The product's first argument. */
  command?: "all" | "web" | "worker" | "migrate"
  /** Modules that are imported before the product, by their paths; `ask` reaches them. */
  imports?: string[]
  /** For node, after `nodeArguments`. */
  flags?: string[]
  /** All that it prints is kept, not only the end. */
  keepsOutput?: boolean
}

export interface StartOptions {
  /** Beside the handle's own. */
  env?: Record<string, string>
  /** It may end by itself: that is no crash, and ends a `start` as well as its being ready. */
  mayEnd?: boolean
}

/** An exit code, or the signal that ended it. */
export type Ending = number | NodeJS.Signals

export interface ProductProcess {
  url: string
  pid(): number | undefined
  /** Starts it and does not wait. */
  launch(options?: StartOptions): void
  /** Starts it and waits until it printed that it is ready. Throws what it printed when it ends instead. */
  start(options?: StartOptions): Promise<void>
  /** Waits until `/readyz` says so; milliseconds that it took from now on. */
  ready(): Promise<number>
  isUp(): boolean
  /** It has been ready, and is neither frozen nor gone. */
  isReady(): boolean
  /** SIGSTOP: it keeps its sockets, locks and leases, and does nothing. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** SIGTERM and SIGINT ask it to end; waits for nothing. */
  signal(name: NodeJS.Signals): void
  /** It may end by itself from now on, until it is started again. */
  expectEnd(): void
  /** Waits for its end, at most so long; null when it is still up then. */
  ended(withinMs?: number): Promise<Ending | null>
  /** SIGTERM, and waits for its end. */
  stop(): Promise<Ending | null>
  /** SIGKILL, and waits until the kernel has taken everything back. */
  kill(): Promise<void>
  /** Asks a module of `imports` (`answerParent` in preload.ts). Throws when the process ends instead. */
  ask<T>(question: object): Promise<T>
  /** Its last words, standard output and error as they came. */
  said(): string
  output(): { out: string; err: string }
  residentBytes(): number
  /** How often each event was logged, by all its processes. */
  events: ReadonlyMap<string, number>
  /** Ends that nobody asked for. */
  crashes: string[]
}

interface Life {
  child: ChildProcess
  closed: Promise<unknown>
  mayEnd: boolean
  isReady: boolean
  said: string
  out: string
  err: string
}

const answered = z.object({ id: z.number(), answer: z.unknown().optional(), error: z.string().optional() })

export async function createProcess(options: ProcessOptions): Promise<ProductProcess> {
  const given = Number(options.env.PORT ?? 0)
  const port = given === 0 ? await freePort() : given
  const url = `http://127.0.0.1:${port}`
  const crashes: string[] = []
  const events = new Map<string, number>()
  let life: Life | undefined
  const isUp = () => life !== undefined && isAlive(life.child)
  const asking = asker(() => life)

  function launch({ env = {}, mayEnd = false }: StartOptions = {}): Life {
    const own = { ...options.env, ...(given === 0 ? { PORT: String(port) } : {}), ...env }
    const made = lifeOf(spawnProduct(options, own), { mayEnd, keeps: options.keepsOutput ? Infinity : TAIL, events })
    made.child.on("exit", (code, signal) => {
      if (!made.mayEnd) crashes.push(`a process ended with ${code ?? signal}: ${made.said.slice(-1500)}`)
    })
    life = made
    return made
  }

  const signal = (name: NodeJS.Signals) => {
    if (life && (name === "SIGTERM" || name === "SIGINT" || name === "SIGKILL")) life.mayEnd = true
    if (life && name !== "SIGCONT") life.isReady = false
    life?.child.kill(name)
  }
  const ended = async (withinMs?: number): Promise<Ending | null> => {
    const { child, closed } = life ?? never()
    if (withinMs !== 0) await Promise.race([closed, ...(withinMs === undefined ? [] : [timeout(withinMs)])])
    return child.exitCode ?? child.signalCode
  }
  return {
    url,
    crashes,
    events,
    isUp,
    signal,
    ended,
    ask: asking,
    pid: () => life?.child.pid,
    launch: (how) => void launch(how),
    ready: () => readyOf(life ?? never(), url),
    isReady: () => isUp() && life?.isReady === true,
    said: () => life?.said ?? "",
    output: () => ({ out: life?.out ?? "", err: life?.err ?? "" }),
    residentBytes: () => residentOf(life?.child.pid),
    async start(how) {
      const made = launch(how)
      try {
        await readyOf(made, url)
        // Its start is not over yet: a database that goes away now would end it, as a start that failed.
        while (isAlive(made.child) && !made.said.includes("ready in ")) await sleep(LOOK_MS)
      } catch (error) {
        if (!made.mayEnd || isAlive(made.child)) throw error
      }
    },
    freeze: () => signal("SIGSTOP"),
    thaw() {
      signal("SIGCONT")
      if (life) life.isReady = true
    },
    expectEnd() {
      if (life) life.mayEnd = true
    },
    async stop() {
      if (!isUp()) return life ? await ended(0) : null
      signal("SIGTERM")
      return await ended()
    },
    async kill() {
      const victim = life?.child
      if (!victim || !isAlive(victim)) return
      signal("SIGKILL")
      await once(victim, "exit")
    },
  }
}

function never(): never {
  throw new Error("the product was never started")
}

const isAlive = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null
const timeout = (ms: number) => sleep(ms, undefined, { ref: false })

const children = new Set<ChildProcess>()
const killAll = () => {
  for (const child of children) child.kill("SIGKILL")
}

function spawnProduct({ command = "all", imports = [], flags = [] }: ProcessOptions, env: Record<string, string>) {
  const before = imports.flatMap((path) => ["--import", path])
  const { PATH = "", HOME = "" } = process.env
  const child = spawn(process.execPath, [...nodeArguments, ...flags, ...before, MAIN, command], {
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe", ...(imports.length > 0 ? (["ipc"] as const) : [])],
  })
  if (children.size === 0) process.once("exit", killAll)
  children.add(child)
  child.on("exit", () => {
    children.delete(child)
    if (children.size === 0) process.off("exit", killAll)
  })
  return child
}

interface Watching {
  mayEnd: boolean
  /** Characters of each stream. */
  keeps: number
  events: Map<string, number>
}

function lifeOf(child: ChildProcess, { mayEnd, keeps, events }: Watching): Life {
  const life: Life = { child, closed: once(child, "close"), mayEnd, isReady: false, said: "", out: "", err: "" }
  for (const stream of ["out", "err"] as const)
    child[`std${stream}`]?.on("data", (chunk: Buffer) => {
      life[stream] = `${life[stream]}${chunk}`.slice(-keeps)
      life.said = `${life.said}${chunk}`.slice(-keeps)
      for (const [, event = ""] of String(chunk).matchAll(/"event":"(\w+)"/g))
        events.set(event, (events.get(event) ?? 0) + 1)
    })
  return life
}

async function readyOf(life: Life, url: string): Promise<number> {
  const from = performance.now()
  while (performance.now() - from < READY_MS) {
    if (!isAlive(life.child)) {
      // Its last words may still be on their way.
      await Promise.race([life.closed, timeout(1000)])
      throw new Error(`the product ended before it was ready: ${life.said}`)
    }
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => null)
    await answer?.text().catch(() => {})
    life.isReady = answer?.ok ?? false
    if (life.isReady) return performance.now() - from
    await sleep(LOOK_MS)
  }
  throw new Error(`not ready after ${READY_MS} ms: ${life.said}`)
}

/** Questions by number, so that several may be open at once. */
function asker(lifeNow: () => Life | undefined) {
  let last = 0
  return async function ask<T>(question: object): Promise<T> {
    const { child, said } = lifeNow() ?? never()
    const id = ++last
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const gone = () => reject(new Error(`the process is gone: ${said}`))
    const hear = (message: unknown) => {
      const told = answered.parse(message)
      if (told.id !== id) return
      if (told.error === undefined) resolve(told.answer)
      else reject(new Error(told.error))
    }
    child.on("message", hear).once("exit", gone)
    if (child.connected) child.send({ id, question }, (error) => error && gone())
    else gone()
    try {
      // What the module says, in the type that its asker knows.
      return (await promise) as T
    } finally {
      child.off("message", hear).off("exit", gone)
    }
  }
}

function residentOf(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024
}
