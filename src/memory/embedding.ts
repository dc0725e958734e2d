/**
 * Embedding: the vector arm. Vectors are derived and of one model each; a memory without one is still found by its words,
 * and a model that is away costs a recall nothing but this arm.
 */
import { sql } from "drizzle-orm"
import { toSql } from "pgvector"
import { Retry } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Db } from "../db/db.ts"
import { anyOf, json } from "../db/sql.ts"
import type { Embedder } from "../model/model.ts"
import { CURRENT } from "./history.ts"

/** How long a recall waits for the question's vector before it goes on with words alone. */
const QUESTION_MS = 2000
const FILL_MS = 60_000

export interface Near {
  id: number
  /** Cosine, -1 to 1. */
  similarity: number
}

/** The memories nearest to a text; null when the model is away. `kinds` null: all. */
export type Nearest = (
  text: string,
  within: { scopes: string[]; kinds: string[] | null; limit: number },
  signal?: AbortSignal,
) => Promise<Near[] | null>

export interface Embedding {
  nearest: Nearest
  fill(ids: string[], signal?: AbortSignal): Promise<void>
}

export function createEmbedding({ db, embedder, log }: { db: Db; embedder: Embedder; log: Log }): Embedding {
  async function vectors(texts: string[], timeoutMs: number, signal?: AbortSignal): Promise<number[][]> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const made = await embedder.embed(texts, signal ? AbortSignal.any([signal, timeout]) : timeout)
    if (made.length === texts.length && made.every((vector) => vector.length > 0)) return made
    throw new Retry(`${embedder.model} gave ${made.length} vectors for ${texts.length} texts`)
  }

  async function question(text: string, signal?: AbortSignal): Promise<number[] | null> {
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
      const vector = await question(text, signal)
      if (!vector) return null
      return db.query<Near>(sql`
        select m.id, 1 - (e.embedding <=> ${toSql(vector)}::text::vector) as similarity
        from memories m join memory_embeddings e on e.memory_id = m.id and e.model = ${embedder.model} and e.dims = ${vector.length}::int
        where m.scope = ${anyOf(scopes)} and ${CURRENT} ${kinds ? sql`and m.kind = ${anyOf(kinds)}` : sql``}
        order by similarity desc, m.id desc limit ${limit}::int`)
    },

    async fill(ids, signal) {
      const waiting = await db.query<{ id: number; text: string }>(sql`
        select id, trim(text || ' ' || keys) as text from memories
        where id = ${anyOf(ids, "bigint")} and ${CURRENT}
          and not exists (select 1 from memory_embeddings where memory_id = id and model = ${embedder.model})
        order by id`)
      if (waiting.length === 0) return
      const made = await vectors(
        waiting.map((row) => row.text),
        FILL_MS,
        signal,
      )
      const rows = waiting.map((row, at) => ({ id: row.id, dims: made[at]?.length, embedding: toSql(made[at] ?? []) }))
      // The lock waits for a `forget` under way, and then finds the row retracted.
      await db.query(sql`
        with live as materialized (select id from memories where id = ${anyOf(
          waiting.map((row) => String(row.id)),
          "bigint",
        )} and ${CURRENT} for share)
        insert into memory_embeddings (memory_id, model, dims, embedding)
        select r.id, ${embedder.model}, r.dims, r.embedding::vector
        from jsonb_to_recordset(${json(rows)}) as r(id bigint, dims int, embedding text) join live on live.id = r.id
        on conflict (memory_id, model) do nothing`)
    },
  }
}
