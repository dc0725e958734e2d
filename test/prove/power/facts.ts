/**
 * Facts: what a database says that must never be unsaid (its rows that are only added to, and the ends that things came to),
 * and what may be wrong with it after a power cut, whatever was in it.
 */
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { brokenLinks } from "../../../src/journal/journal.ts"

/** One sentence for each thing that is so. */
export async function factsOf(db: Db): Promise<string[]> {
  const rows = await db.query<{ fact: string }>(sql`
    select 'inbox ' || id as fact from inbox
    union all select 'inbox ' || id || ' at its end' from inbox where state in ('done', 'dead')
    union all select 'run ' || id from runs
    union all select 'run ' || id || ' ' || state from runs where ended_at is not null
    union all select 'journal ' || id || ' ' || encode(hash, 'hex') from journal
    union all select 'question ' || id from approvals
    union all select 'question ' || id || ' ' || state from approvals where state <> 'open'
    union all select 'message ' || id from outbox
    union all select 'memory ' || id || ' ' || text from memories
    union all select 'vector of memory ' || memory_id from memory_embeddings
    union all select 'automation ' || id || ' ' || action::text from automations
    union all select 'occurrence ' || automation_id || ' ' || due_at from occurrences
    union all select 'call ' || op_id from ledger
    union all select 'decision ' || repo || ' ' || number from decisions`)
  return rows.map(({ fact }) => fact)
}

/** What is wrong with it, beside what it may have lost. */
export async function faultsOf(db: Db): Promise<string[]> {
  const gaps = await db.query<{ key: string }>(sql`
    select key from threads join (select thread_id, count(*) as n, max(seq) as last from inbox group by 1) i on thread_id = threads.id
    where n <> last or next_seq <> last + 1`)
  return [
    ...gaps.map(({ key }) => `the numbers of ${key} have gaps`),
    ...(await brokenLinks(db)).map(({ id }) => `journal row ${id} does not follow from the one before it`),
    ...(await lyingIndexes(db)),
  ]
}

interface Index {
  name: string
  table: string
  columns: string[]
  predicate: string | null
}

/** Every b-tree of ours and of the queue: what it holds in its order, against what its table holds, sorted. */
async function lyingIndexes(db: Db): Promise<string[]> {
  const indexes = await db.query<Index>(sql`
    select i.indexrelid::regclass::text as name, i.indrelid::regclass::text as table, pg_get_expr(i.indpred, i.indrelid) as predicate,
      (select jsonb_agg(pg_get_indexdef(i.indexrelid, n, true) order by n) from generate_series(1, i.indnkeyatts) n) as columns
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace s on s.oid = c.relnamespace
      join pg_am on pg_am.oid = c.relam join pg_class t on t.oid = i.indrelid
    where s.nspname in ('public', 'drizzle', 'pgboss') and amname = 'btree' and t.relkind = 'r' and i.indisvalid`)
  const byTable = await digests(
    db,
    indexes,
    "set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off",
  )
  const byIndex = await digests(
    db,
    indexes,
    "set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off",
  )
  await db.script(
    "reset enable_seqscan; reset enable_sort; reset enable_bitmapscan; reset enable_indexscan; reset enable_indexonlyscan",
  )
  return indexes.flatMap(({ name }, at) =>
    byTable[at] === byIndex[at] ? [] : [`the index ${name} does not agree with its table`],
  )
}

/** Of all indexes, in one statement. */
async function digests(db: Db, indexes: readonly Index[], settings: string): Promise<string[]> {
  await db.script(`${settings}; set plan_cache_mode = force_custom_plan`)
  const each = indexes.map(({ table, columns, predicate }, at) => {
    const list = columns.join(", ")
    const keys = `select row(${list})::text as key from ${table} ${predicate ? `where ${predicate}` : ""} order by ${list}`
    return `select ${at} as at, count(*) || ' ' || coalesce(md5(string_agg(key, ',')), '') as digest from (${keys}) as keys`
  })
  const rows = await db.raw(`${each.join(" union all ")} order by 1`)
  return rows.map(({ digest }) => String(digest))
}
