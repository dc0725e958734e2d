/**
 * Apart: a proof in a process of its own, beside others. One that hangs is ended with everything that it started, and one
 * that ends early has proven nothing.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { z } from "zod"
import { type Evidence, type Setting, Untried } from "./proof.ts"

const CARRY_OUT = fileURLToPath(new URL("./proof-main.ts", import.meta.url))
/** Nothing was shown, and nothing was found: there was no time for it, or nothing here to do it with. */
export class Skipped extends Error {}

/** What the process is told, as its argument. */
export const orderSchema = z.object({
  name: z.string(),
  form: z.enum(["short", "full"]),
  database: z.enum(["pglite", "postgres"]),
  seed: z.number(),
})
export type Order = z.output<typeof orderSchema>

export const wordSchema = z.union([
  z.object({ says: z.string() }),
  z.object({
    saw: z.object({
      figures: z.record(z.string(), z.union([z.string(), z.number()])),
      violations: z.array(z.string()),
      late: z.array(z.string()).default([]),
    }),
  }),
  z.object({ failed: z.string() }),
  z.object({ skipped: z.string() }),
  z.object({ untried: z.string() }),
])
export type Word = z.input<typeof wordSchema>

const open = new Set<number>()

/** Ends what is under way, with every process that it started. */
export function endAll(): void {
  for (const pid of open) end(pid)
}

function end(pid: number): void {
  try {
    // Its group: the processes of the product that it started, too.
    process.kill(-pid, "SIGKILL")
  } catch {
    // All of them went before.
  }
}

interface Watched {
  say: Setting["say"]
  /** Milliseconds after which it is ended with what this makes of it. */
  patience: { ms: number; end: Error }
}

/** Throws when it could not be carried out, `Skipped` when that is nobody's fault. */
export async function carriedOut(order: Order, { say, patience }: Watched): Promise<Evidence> {
  const child = fork(CARRY_OUT, [JSON.stringify(order)], { detached: true, execArgv: [] })
  const { pid } = child
  if (pid === undefined) throw new Error("its process could not be started")
  open.add(pid)
  const { promise, resolve, reject } = Promise.withResolvers<Evidence>()
  const timer = setTimeout(() => reject(patience.end), patience.ms)
  child.on("message", (message) => {
    const word = wordSchema.parse(message)
    if ("says" in word) say(word.says)
    else if ("saw" in word) resolve(word.saw)
    else if ("skipped" in word) reject(new Skipped(word.skipped))
    else if ("untried" in word) reject(new Untried(word.untried))
    else reject(new Error(word.failed))
  })
  child.on("exit", (code, signal) => reject(new Error(`its process ended with ${code ?? signal}`)))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    end(pid)
    open.delete(pid)
  }
}
