/**
 * Preload: `node --import` of this file makes the product mortal and gives it a tool of every replay class, without a word of
 * that in its source. It dies by SIGKILL at the point it was armed for, once. Its keeper talks to it over IPC.
 */
import { registerHooks } from "node:module"
import { z } from "zod"
import type { Db, Tx } from "../../../src/db/db.ts"
import { compile } from "../../../src/db/sql.ts"
import type { EffectTool } from "../../../src/tools/tool.ts"
import { type Moment, type Point, type PointName, pointsOf } from "./points.ts"

/** From the keeper: a point to die at, or a statement to run. */
export type Order = { id: number; arm: Point } | { id: number; sql: string }
export type Report = { id: number; rows: Record<string, unknown>[] } | { id: number; error: string }

const LEDGER = process.env.CRASH_LEDGER ?? ""
let armed: Point | null = process.env.CRASH_AT ? parsePoint(process.env.CRASH_AT) : null
let database: Db | undefined

function parsePoint(text: string): Point {
  // Written by our own keeper.
  return JSON.parse(text) as Point
}

function pass(names: Iterable<PointName>, moment: Moment): void {
  for (const name of names) if (armed?.name === name && armed.moment === moment) process.kill(process.pid, "SIGKILL")
}

/** A statement that found nothing to do passed nothing. */
function didSomething(names: PointName[], rows: readonly object[]): PointName[] {
  return names.filter((name) => (name !== "expire" && name !== "take" && name !== "claim") || rows.length > 0)
}

function watch<T extends Db>(db: T): T {
  database = db
  return {
    ...db,
    async query(statement) {
      const names = pointsOf(compile(statement))
      pass(names, "before")
      const rows = await db.query<never>(statement)
      pass(didSomething(names, rows), "after")
      return rows
    },
    async transaction(work) {
      const names = new Set<PointName>()
      const result = await db.transaction(async (tx) => {
        const done = await work(noting(tx, names))
        pass(names, "inside")
        return done
      })
      pass(names, "after")
      return result
    },
  }
}

function noting(tx: Tx, names: Set<PointName>): Tx {
  return {
    query(statement) {
      const passed = pointsOf(compile(statement))
      pass(passed, "before")
      for (const name of passed) names.add(name)
      return tx.query(statement)
    },
    raw: (text, values) => tx.raw(text, values),
  }
}

const input = z.object({ number: z.number() })
type Args = z.output<typeof input>

function outside(name: string, replay: EffectTool<Args>["replay"], more: Partial<EffectTool<Args>> = {}) {
  const tool: EffectTool<Args> = {
    name,
    description: name,
    input,
    effect: replay === "pure" ? "read" : "send",
    needs: "owner",
    replay,
    show: ({ number }) => `${name} ${number}`,
    async run({ number }, { opId }) {
      pass(["effect"], "before")
      await fetch(`${LEDGER}/effects`, { method: "POST", body: JSON.stringify({ name, number, opId }) })
      pass(["effect"], "after")
      return { ok: true, did: name }
    },
    ...more,
  }
  return [name, tool] as const
}

const TOOLS = new Map([
  outside("look", "pure"),
  outside("post", "idempotent"),
  outside("mark", "reconcile", {
    async probe({ number }, { opId }) {
      const answer = await fetch(`${LEDGER}/seen`, { method: "POST", body: JSON.stringify({ number, opId }) })
      return answer.ok ? { ok: true, found: true } : null
    },
  }),
  outside("pay", "unsafe"),
  outside("erase", "idempotent", { asks: async () => "it cannot be undone" }),
])

/** Where the product's source is other than it is written. Each must be found exactly once, or nothing is proven. */
const CHANGES = [
  {
    file: "/src/main.ts",
    find: /(const db = )(await opening)$/gm,
    put: "$1globalThis.mortal.watch($2)",
  },
  {
    file: "/src/app/agent.ts",
    find: /(tools: )(byName\(\[\.\.\.chat,[^\n]*\]\)),\n/g,
    put: "$1globalThis.mortal.add($2),\n",
  },
]

Object.assign(globalThis, {
  mortal: {
    watch,
    add: (tools: Map<string, unknown>) => new Map<string, unknown>([...tools, ...TOOLS]),
  },
})

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    const change = CHANGES.find(({ file }) => url.endsWith(file))
    if (!change || loaded.source === undefined || loaded.source === null) return loaded
    const source =
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString()
    const found = [...source.matchAll(change.find)].length
    if (found !== 1)
      throw new Error(`${change.file} has ${found} places like ${change.find}: mend CHANGES in preload.ts`)
    return { ...loaded, source: source.replace(change.find, change.put) }
  },
})

process.on("message", async (order: Order) => {
  if ("arm" in order) {
    armed = order.arm
    report({ id: order.id, rows: [] })
    return
  }
  try {
    report({ id: order.id, rows: (await database?.raw(order.sql)) ?? [] })
  } catch (error) {
    report({ id: order.id, error: String(error) })
  }
})
// The keeper's line must not keep a process up that has nothing else to do.
process.channel?.unref()

function report(told: Report): void {
  process.send?.(told)
}
