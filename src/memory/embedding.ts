/**
 * Embedding: the vector arm of recall. A vector is derived from its memory and belongs to one model. A memory without a
 * vector is still found by its words, and when the model is away, a recall loses only this arm.
 */
import { sql } from "drizzle-orm"
import { toSql } from "pgvector"
import { Retry } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Db } from "../db/db.ts"
import { anyOf, json } from "../db/sql.ts"
import type { Embedder } from "../model/model.ts"
import { CURRENT } from "./history.ts"

/** Milliseconds that a recall waits for the vector of its question before it continues with words alone. */
const QUESTION_MS = 2000
/** Milliseconds for the vectors of one job. */
const FILL_MS = 60_000

export interface Near {
  id: number
  /** Cosine of the two vectors, -1 to 1. */
  similarity: number
}

/**
 * Finds the memories nearest to a text, best first; null when the model is away. With `kinds` null, every kind is
 * searched.
 */
export type Nearest = (
  text: string,
  within: { scopes: string[]; kinds: string[] | null; limit: number },
  signal?: AbortSignal,
) => Promise<Near[] | null>

export interface Embedding {
  nearest: Nearest
  /**
   * Gives a vector to each of these current memories that has none of the present model. Throws `Retry` when the model is
   * away.
   */
  fill(ids: string[], signal?: AbortSignal): Promise<void>
}

export function createEmbedding({ db, embedder, log }: { db: Db; embedder: Embedder; log: Log }): Embedding {
  async function vectors(texts: string[], timeoutMs: number, signal?: AbortSignal): Promise<number[][]> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const made = await embedder.embed(texts, signal ? AbortSignal.any([signal, timeout]) : timeout)
    if (made.length === texts.length && made.every((vector) => vector.length > 0)) return made
    throw new Retry(`${embedder.model} gave ${made.length} vectors for ${texts.length} texts`)
  }

  async function vectorOf(text: string, signal?: AbortSignal): Promise<number[] | null> {
    try {
      const [vector] = await vectors([text], QUESTION_MS, signal)
      return vector ?? null
    } catch (error) {
      signal?.throwIfAborted()
      log.warn("embedding_away", { error, model: embedder.model })
      return null
    }
  }

  return {
    async nearest(text, { scopes, kinds, limit }, signal) {
      const vector = await vectorOf(text, signal)
      if (!vector) return null
      return db.query<Near>(sql`
        select m.id, 1 - (e.embedding <=> ${toSql(vector)}::text::vector) as similarity
        from memories m join memory_embeddings e on e.memory_id = m.id and e.model = ${embedder.model} and e.dims = ${vector.length}::int
        where m.scope = ${anyOf(scopes)} and ${CURRENT} ${kinds ? sql`and m.kind = ${anyOf(kinds)}` : sql``}
        order by similarity desc, m.id desc limit ${limit}::int`)
    },

    async fill(ids, signal) {
      const missing = await db.query<{ id: number; text: string }>(sql`
        select id, trim(text || ' ' || keys) as text from memories
        where id = ${anyOf(ids, "bigint")} and ${CURRENT}
          and not exists (select 1 from memory_embeddings where memory_id = id and model = ${embedder.model})
        order by id`)
      if (missing.length === 0) return
      const made = await vectors(
        missing.map((row) => row.text),
        FILL_MS,
        signal,
      )
      const rows = missing.map((row, at) => ({ id: row.id, dims: made[at]?.length, embedding: toSql(made[at] ?? []) }))
      // The row lock waits for a `forget` that is under way and then finds the row retracted, so that no vector outlives
      // its memory.
      await db.query(sql`
        with live as materialized (select id from memories where id = ${anyOf(
          missing.map((row) => String(row.id)),
          "bigint",
        )} and ${CURRENT} for share)
        insert into memory_embeddings (memory_id, model, dims, embedding)
        select r.id, ${embedder.model}, r.dims, r.embedding::vector
        from jsonb_to_recordset(${json(rows)}) as r(id bigint, dims int, embedding text) join live on live.id = r.id
        on conflict (memory_id, model) do nothing`)
    },
  }
}
