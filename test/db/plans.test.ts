/** What runs at every message, or every second, finds its rows by an index: its cost does not grow with the past. */
import { sql } from "drizzle-orm"
import { afterAll, expect, test } from "vitest"
import { z } from "zod"
import { startApp } from "../../src/app/app.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Tx } from "../../src/db/db.ts"
import { compile } from "../../src/db/sql.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { testDir } from "../support/dir.ts"
import { ownDatabase } from "../support/own.ts"
import { insertHistory } from "../support/past.ts"
import { PATIENT } from "../support/product.ts"

const RUNS = 2000
const MANY = 20_000
/** What grows with every message; media are kept within a bound, and looked through once a minute. */
const GROWING = ["threads", "inbox", "runs", "journal", "outbox", "approvals", "memories", "memory_terms"]
const TOKEN = "x".repeat(40)

const { db } = await ownDatabase()
const { dir, remove } = testDir()
afterAll(remove)

/** Texts of all statements. */
const seen = new Set<string>()
const watch = (tx: Tx): Tx => ({
  query: (statement) => {
    seen.add(compile(statement).text)
    return tx.query<never>(statement)
  },
  raw: (text, values) => tx.raw(text, values),
})

const node: z.ZodType<{ type: string; table: string | undefined; below: unknown[] }> = z
  .looseObject({
    "Node Type": z.string(),
    "Relation Name": z.string().optional(),
    Plans: z.array(z.unknown()).default([]),
  })
  .transform((one) => ({ type: one["Node Type"], table: one["Relation Name"], below: one.Plans }))

function scansOf(plan: unknown): string[] {
  const { type, table, below } = node.parse(plan)
  const own = type === "Seq Scan" && table && GROWING.includes(table) ? [table] : []
  return [...own, ...below.flatMap(scansOf)]
}

/** As prepared statements are planned once they have run a few times: for any parameters. */
function plannedScans(text: string): Promise<string[]> {
  const parameters = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)))
  const list = parameters === 0 ? "" : `(${Array(parameters).fill("null").join(", ")})`
  return db.transaction(async (tx) => {
    await tx.raw("set local plan_cache_mode = force_generic_plan")
    await tx.raw(`prepare looked_at as ${text}`)
    const [row] = await tx.raw(`explain (format json) execute looked_at${list}`)
    await tx.raw("deallocate looked_at")
    const [{ Plan }] = z.tuple([z.object({ Plan: z.unknown() })]).parse(row?.["QUERY PLAN"])
    return scansOf(Plan)
  })
}

/** Questions that were answered, threads that were begun, and memories, in numbers at which an index is worth it. */
async function insertKnown(): Promise<void> {
  const many = sql`generate_series(1, ${MANY}::int) n`
  await db.query(sql`
    insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, state, cleared_at, created_at, expires_at)
    select md5('wait' || id)::uuid, id, thread_id, 9, 'approval', 'K7', 'old', '{}', '', '', ${OWNER_ID}::uuid, 'approved', now(), now(), now() from runs`)
  await db.query(sql`
    insert into threads (id, channel, key, person_id, target, next_seq, created_at)
    select md5('empty' || n)::uuid, 'telegram', 'empty:' || n, ${OWNER_ID}::uuid, '42', 1, now() from ${many}`)
  await db.query(sql`
    with memory as (
      insert into memories (scope, kind, text, length, content_hash, sources, label, valid_from, recorded_at)
      select 'person:' || n % 400, 'fact', 'number ' || n, 2, n::text, '{}', '{"integrity":"owner","confidentiality":"private"}', now(), now() from ${many}
      returning id, scope
    ) insert into memory_terms (scope, lexeme, memory_id, tf) select scope, 'number', id, 1 from memory`)
}

/** Throws when it was not answered: then what a turn asks the database was not seen. */
async function said(url: string, text: string): Promise<void> {
  const response = await fetch(`${url}/api/v1/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", prefer: "wait=30" },
    body: JSON.stringify({ text }),
  })
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
}

test("no statement of a turn, and none of the sweeps, reads a growing table from end to end", async () => {
  const watched = {
    ...db,
    ...watch(db),
    transaction: <T>(work: (tx: Tx) => Promise<T>) => db.transaction((tx) => work(watch(tx))),
  }
  const env = { PORT: "0", DATA_DIR: dir, VIGIL_MODEL: "offline", VIGIL_TOKEN: TOKEN }
  // Filling the database keeps this process busy, which is no overload of the product's.
  const limits = PATIENT
  const app = await startApp({ env, role: "all", db: { ...watched, close: async () => {} }, log: silentLog, limits })
  await insertHistory(db, 0, RUNS)
  await insertKnown()
  await db.raw("analyze")
  await said(app.url, "please remember that my bike is blue")
  await said(app.url, "what colour is my bike?")
  await said(app.url, "remind me in 3 hours to pump up its tyres")
  // Sweeps come once a second: when two of them bring nothing new, all have been seen.
  let before = 0
  const isNew = () => {
    const has = seen.size > before
    before = seen.size
    return has
  }
  await expect.poll(isNew, { interval: 2500, timeout: 25_000 }).toBe(false)
  await app.stop(1000)

  const found: Record<string, string[]> = {}
  for (const text of seen) {
    const tables = await plannedScans(text)
    if (tables.length > 0) found[text.replaceAll(/\s+/g, " ").slice(0, 200)] = tables
  }
  expect(seen.size).toBeGreaterThan(25)
  expect(found).toEqual({})
})
