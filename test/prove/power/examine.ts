/**
 * Examine: opens what a power cut left, as the product opens it, and looks: nothing that was so is unsaid, indexes and tables
 * agree, what was taken is worked to its end, and a new message is answered.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { PGlite } from "@electric-sql/pglite"
import { amcheck } from "@electric-sql/pglite/contrib/amcheck"
import { vector } from "@electric-sql/pglite-pgvector"
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { marksBefore, type Operation, recordDisk } from "../../durability/disk.ts"
import { createRandom } from "../../durability/random.ts"
import { factsOf, faultsOf } from "./facts.ts"
import { applyCut, type NameModel } from "./power-cut.ts"
import { ask, type Outside, openProductDb, type Product, startProduct } from "./product.ts"

export interface Cut {
  at: number
  loss: number
  names: NameModel
  seed: number
  /** The power goes again while the product recovers from the first cut. */
  twice: boolean
  /** The database's own check of every index, afterwards. */
  deep: boolean
}

export interface Found {
  violations: string[]
  /** Acknowledged before the cut. */
  facts: number
  /** It had to begin with an empty database. */
  isFresh: boolean
}

const PATIENCE_MS = 20_000

export interface Scenario {
  /** From where the log goes on; empty when it begins with nothing. */
  base: string | null
  log: readonly Operation[]
  outside: Outside
  /** A directory of one's own. */
  place: string
}

export async function examine({ base, log, outside, place }: Scenario, cut: Cut): Promise<Found> {
  const dir = join(place, "found")
  const random = createRandom(cut.seed)
  const { loss, names } = cut
  await laid(base, dir)
  applyCut(log, dir, { at: cut.at, loss, names, random })
  // A database that is made anew is made by another process, whose writes are not recorded here.
  const isThere = existsSync(join(dir, "db", "PG_VERSION"))
  if (cut.twice && isThere) await again({ dir, place, outside, cut: { loss, names, random } })
  const facts = marksBefore(log, cut.at)
  const isFresh = !existsSync(join(dir, "db", "PG_VERSION"))
  const violations = await caught(() => look(dir, { outside, facts, name: `after-${cut.seed}` }))
  if (cut.deep && violations.length === 0) violations.push(...(await caught(() => deepFaults(join(dir, "db")))))
  return { violations, facts: facts.length, isFresh }
}

/** Opens what is found, with the power going once more while that is under way. */
async function again(scenario: {
  dir: string
  place: string
  outside: Outside
  cut: { loss: number; names: NameModel; random: () => number }
}): Promise<void> {
  const { dir, place, cut } = scenario
  const kept = join(place, "kept")
  await laid(dir, kept)
  const disk = recordDisk(dir)
  try {
    const db = await openProductDb(dir)
    const product = await startProduct(dir, { db, outside: scenario.outside })
    await product.stop()
  } finally {
    disk.stop()
  }
  await laid(kept, dir)
  applyCut(disk.log, dir, { ...cut, at: Math.floor(cut.random() * (disk.log.length + 1)) })
}

async function laid(from: string | null, to: string): Promise<void> {
  rmSync(to, { recursive: true, force: true })
  if (from === null) mkdirSync(to, { recursive: true })
  else cpSync(from, to, { recursive: true })
}

async function caught(look: () => Promise<string[]>): Promise<string[]> {
  try {
    return await look()
  } catch (error) {
    return [`it cannot be used: ${String(error).slice(0, 300)}`]
  }
}

async function look(
  dir: string,
  { outside, facts, name }: { outside: Outside; facts: string[]; name: string },
): Promise<string[]> {
  const db = await openProductDb(dir)
  let product: Product | undefined
  try {
    const faults = await faultsOf(db)
    const so = new Set(await factsOf(db))
    product = await startProduct(dir, { db, outside })
    so.add(`token ${product.token}`)
    const lost = facts.filter((fact) => !so.has(fact))
    return [...lost.map((fact) => `lost: ${fact}`), ...faults, ...(await goesOn(db, product, name))]
  } finally {
    await (product ? product.stop() : db.close())
  }
}

async function goesOn(db: Db, product: Product, name: string): Promise<string[]> {
  const body = { text: `remember that I was here ${name}`, thread: "new" }
  const said = await ask(product, "/api/v1/messages", { body, headers: { prefer: "wait=20" } })
  const deadline = Date.now() + PATIENCE_MS
  let left: string[] = []
  do {
    const rows = await db.query<{ what: string }>(sql`
      select 'the event ' || external_id || ' is ' || state as what from inbox where state in ('new', 'claimed')
        and not exists (select 1 from runs where runs.id = inbox.run_id and runs.state = 'waiting')
      union all select 'a run is ' || state from runs where state = 'running'
      union all select 'a message is ' || state from outbox where state in ('pending', 'sending')`)
    left = rows.map(({ what }) => what)
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  } while (left.length > 0 && Date.now() < deadline)
  const isAnswered = JSON.stringify(said).includes("nothing to do")
  return [
    ...left,
    ...(isAnswered ? [] : [`a new message was not answered: ${JSON.stringify(said)}`]),
    ...product.errors.map((error) => `an error while it went on: ${error}`),
  ]
}

/** amcheck: every tuple of every table is in its indexes, and every page of both is in order. */
async function deepFaults(dir: string): Promise<string[]> {
  const pglite = await PGlite.create({ dataDir: dir, extensions: { vector, amcheck } })
  try {
    await pglite.exec("create extension amcheck")
    await pglite.query(`
      select bt_index_check(i.indexrelid::regclass, true) from pg_index i join pg_class c on c.oid = i.indexrelid
        join pg_am on pg_am.oid = c.relam
      where amname = 'btree' and i.indisvalid and c.relkind = 'i' and c.relpersistence = 'p'`)
    const { rows } = await pglite.query<{ table: string; msg: string }>(`
      select c.oid::regclass::text as table, msg from pg_class c, verify_heapam(c.oid::regclass)
      where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p'`)
    return rows.map(({ table, msg }) => `the table ${table}: ${msg}`)
  } finally {
    await pglite.close()
  }
}
