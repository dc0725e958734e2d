/**
 * Writing: adds, closes and retracts memories. One statement writes a text together with the terms that find it. Closing
 * and retracting delete the terms and the vectors, so that both tables hold current memories only.
 */
import { sql } from "drizzle-orm"
import { sha256 } from "../base/canonical.ts"
import type { Clock } from "../base/clock.ts"
import { Reject } from "../base/errors.ts"
import { type Label, trusts } from "../base/label.ts"
import { storable } from "../base/text/storable.ts"
import type { Tx } from "../db/db.ts"
import { anyOf, json } from "../db/sql.ts"
import type { Memory, NewMemory, Remembered } from "./memory.ts"

/** Characters of a text; far below the 1 MB that a tsvector can hold. */
const MAX_TEXT = 32_000

export interface WritingDeps {
  clock: Clock
  /** Enqueues the job that makes the vector, in the same transaction; absent without an embedding model. */
  embedLater?: (tx: Tx, id: number) => Promise<void>
}

export type Writing = Pick<Memory, "remember" | "supersede" | "forget">

export function createWriting({ clock, embedLater }: WritingDeps): Writing {
  async function write(tx: Tx, input: NewMemory): Promise<Remembered & { label: Label }> {
    const row = await insert(tx, input, clock.now())
    if (!row.duplicate) await embedLater?.(tx, row.id)
    return row
  }

  async function supersede(tx: Tx, oldId: number, input: NewMemory): Promise<Remembered & { superseded: boolean }> {
    const closed = await close(tx, oldId, input.scope, input.validFrom ?? clock.now())
    const { label: _, ...made } = await write(tx, input)
    if (!closed) return { ...made, superseded: false }
    await purge(tx, [oldId])
    await tx.query(sql`update memories set superseded_by = ${made.id}::bigint where id = ${oldId}::bigint`)
    return { ...made, superseded: true }
  }

  return {
    supersede,
    async remember(tx, input) {
      const { label, ...row } = await write(tx, input)
      const isMoreTrusted = row.duplicate && !trusts(label.integrity, input.label.integrity)
      if (!isMoreTrusted) return row
      const { superseded: _, ...made } = await supersede(tx, row.id, input)
      return made
    },
    async forget(tx, scope, ids, now) {
      const gone = await tx.query<{ id: number; text: string }>(sql`
        update memories set retracted_at = ${now}::timestamptz
        where scope = ${scope} and id = ${anyOf(ids.map(String), "bigint")} and retracted_at is null
        returning id, text`)
      await purge(
        tx,
        gone.map((row) => row.id),
      )
      return gone.sort((a, b) => a.id - b.id)
    },
  }
}

/**
 * The hash by which a text is found again. Line ends, runs of blanks and Unicode composition do not change it. Letter
 * case does, because it can matter in a handle or a code.
 */
function contentHash(text: string): string {
  return sha256(text.normalize("NFC").replaceAll(/\s+/gu, " ").trim())
}

function checked(text: string): string {
  const kept = storable(text).trim()
  if (kept === "")
    throw new Reject(400, "a memory without text cannot be kept", { code: "empty_memory", fix: "say what to remember" })
  if (kept.length <= MAX_TEXT) return kept
  throw new Reject(413, `a memory holds at most ${MAX_TEXT} characters, this one has ${kept.length}`, {
    code: "memory_too_long",
    fix: "split it into several memories",
  })
}

/**
 * Inserts a memory and its terms, or finds the current memory with the same text in its scope.
 * It is one statement, so that no memory exists without the terms that find it.
 */
async function insert(tx: Tx, input: NewMemory, now: Date): Promise<Remembered & { label: Label }> {
  const text = checked(input.text)
  const keys = storable(input.keys ?? "").slice(0, MAX_TEXT)
  const [row] = await tx.query<Remembered & { label: Label }>(sql`
    with word as materialized (
      -- The terms of text and keys, each with how often it occurs. Computed once, because two parts below read them.
      select lexeme, coalesce(cardinality(positions), 1) as tf from unnest(to_tsvector('english', ${text}::text || ' ' || ${keys}::text))
    ), made as (
      -- The length is the number of word positions. Recall reads it to weigh long texts lower.
      insert into memories (scope, kind, text, keys, length, content_hash, sources, label, valid_from, recorded_at, pinned, importance)
      select ${input.scope}, ${input.kind}, ${text}, ${keys}, (select coalesce(sum(tf), 0) from word), ${contentHash(text)},
        ${json(input.sources)}, ${json(input.label)}, ${input.validFrom ?? now}::timestamptz, ${now}::timestamptz,
        ${input.pinned ?? false}::boolean, ${input.importance ?? 0.5}::float8
      on conflict (scope, content_hash) where retracted_at is null and valid_to is null
        -- Not "do nothing", which returns no row: this also returns the twin that a concurrent commit has just written.
        -- A twin stays pinned, and becomes pinned when the new one is to be.
        do update set pinned = memories.pinned or excluded.pinned
      -- In a new row xmax is 0. In a twin it is not, because the conflict locked that row.
      returning id, text, label, xmax <> 0 as duplicate
    ), indexed as (
      -- A twin has its terms already.
      insert into memory_terms (scope, lexeme, memory_id, tf)
      select ${input.scope}, word.lexeme, made.id, word.tf from made, word where not made.duplicate
    )
    select id, text, label, duplicate from made`)
  if (!row) throw new Error("an inserted memory was not returned")
  return row
}

/** Closes a memory in world time, never before the time when it began. Returns false when it is not current in `scope`. */
async function close(tx: Tx, id: number, scope: string, at: Date): Promise<boolean> {
  const closed = await tx.query(sql`
    update memories set valid_to = greatest(valid_from, ${at}::timestamptz)
    where id = ${id}::bigint and scope = ${scope} and retracted_at is null and valid_to is null returning id`)
  return closed.length > 0
}

/**
 * Deletes the terms and vectors of memories. It must be a separate statement after the one that locked the rows, because
 * only then does it see a vector that another transaction was just writing.
 */
async function purge(tx: Tx, ids: number[]): Promise<void> {
  if (ids.length === 0) return
  const gone = anyOf(ids.map(String), "bigint")
  await tx.query(sql`
    with terms as (delete from memory_terms where memory_id = ${gone})
    delete from memory_embeddings where memory_id = ${gone}`)
}
