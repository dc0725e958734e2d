/**
 * Crash injector: imported before the product, it kills it (SIGKILL) at the point that it was armed for, once, and gives it a
 * tool of every replay class, without a word of that in the product's source. The proof arms it and looks into the database.
 */
import { registerHooks } from "node:module"
import { z } from "zod"
import type { Db, Tx } from "../../../src/db/db.ts"
import { compile } from "../../../src/db/sql.ts"
import type { EffectTool } from "../../../src/tools/tool.ts"
import { answerParent } from "../../support/preload.ts"
import { type Moment, type Point, type PointName, pointsOf } from "./points.ts"

/** A point to die at, or a statement to run; answered with its rows. */
export type Order = { arm: Point } | { sql: string }

const LEDGER = process.env.CRASH_LEDGER ?? ""
let armed: Point | null = process.env.CRASH_AT ? parsePoint(process.env.CRASH_AT) : null
let database: Db | undefined

function parsePoint(text: string): Point {
  // Written by the proof.
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
    put: "$1globalThis.crashInjector.watch($2)",
  },
  {
    file: "/src/app/agent.ts",
    find: /(tools: )(byName\(\[\.\.\.chat,[^\n]*\]\)),\n/g,
    put: "$1globalThis.crashInjector.add($2),\n",
  },
]

Object.assign(globalThis, {
  crashInjector: {
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
      throw new Error(`${change.file} has ${found} places like ${change.find}: mend CHANGES in injector.ts`)
    return { ...loaded, source: source.replace(change.find, change.put) }
  },
})

answerParent(async (question) => {
  // Written by the proof.
  const order = question as Order
  if ("sql" in order) return (await database?.raw(order.sql)) ?? []
  armed = order.arm
  return []
})
