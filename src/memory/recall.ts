/**
 * Recall: finds the memories for a question. Two arms, words and vectors, nominate candidates on their own, and neither
 * arm can exclude a candidate of the other. The arms are combined by score, never by rank, because a rank hides how close
 * the second candidate is to the first.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../base/clock.ts"
import { storable } from "../base/text/storable.ts"
import type { Db } from "../db/db.ts"
import { anyOf } from "../db/sql.ts"
import type { Nearest } from "./embedding.ts"
import { CURRENT } from "./history.ts"
import { matching } from "./matching.ts"
import type { Memory, Query, Recalled } from "./memory.ts"

/** Candidates that each arm nominates. */
const NOMINEES = 200
/**
 * Share of the vector arm in the score. Measured on dialogues: from 0.2 to 0.4 evidence recall differs by less than half
 * a point; 0.5 loses one point.
 */
const VECTOR_WEIGHT = 0.3
const MAX_LIMIT = 100
/** Characters of a question that are used; the rest is ignored. */
const MAX_QUESTION = 8000

export interface RecallDeps {
  db: Db
  clock: Clock
  /** The vector arm; absent without an embedding model. */
  nearest?: Nearest
}

export function createRecall({ db, clock, nearest }: RecallDeps): Memory["recall"] {
  const lexical = matching({ db, clock })
  return async (query, signal) => {
    const text = storable(query.text).slice(0, MAX_QUESTION)
    const within = { scopes: query.scopes, kinds: query.kinds ?? null, limit: NOMINEES }
    if (query.limit < 1 || query.scopes.length === 0) return []
    const words = await lexical(text, within)
    if (words === null) return []
    const near = (await nearest?.(text, within, signal)) ?? null
    const fused = fuse(
      new Map(words.map(({ id, score }) => [id, score])),
      near && new Map(near.map(({ id, similarity }) => [id, similarity])),
    )
    return load(db, query.scopes, fused.slice(0, Math.min(query.limit, MAX_LIMIT)))
  }
}

type Scored = Pick<Recalled, "id" | "score" | "parts">

function fuse(words: Map<number, number>, near: Map<number, number> | null): Scored[] {
  const ofWords = scaled(words, 0)
  // The cosines of one model lie close together, so they are spread from the worst candidate (0) to the best (1).
  const ofVectors = near && scaled(near, Math.min(...near.values()))
  const all = new Set([...words.keys(), ...(near?.keys() ?? [])])
  const scored = [...all].map((id): Scored => {
    const lexical = ofWords.get(id) ?? 0
    if (!ofVectors) return { id, score: lexical, parts: { lexical } }
    const vector = ofVectors.get(id) ?? 0
    return { id, score: (1 - VECTOR_WEIGHT) * lexical + VECTOR_WEIGHT * vector, parts: { lexical, vector } }
  })
  return scored.sort((a, b) => b.score - a.score || b.id - a.id)
}

/** Maps the values from `floor` to the greatest one onto 0 to 1. */
function scaled(values: Map<number, number>, floor: number): Map<number, number> {
  const top = Math.max(...values.values())
  const span = top - floor
  return new Map([...values].map(([id, value]) => [id, span > 0 ? (value - floor) / span : 1]))
}

/** The rows of the scored memories. A memory that was forgotten in the meantime is left out. */
async function load(db: Db, scopes: Query["scopes"], scored: Scored[]): Promise<Recalled[]> {
  if (scored.length === 0) return []
  const rows = await db.query<Omit<Recalled, "score" | "parts">>(sql`
    select id, scope, kind, text, label, recorded_at as "recordedAt", sources from memories
    where id = ${anyOf(
      scored.map(({ id }) => String(id)),
      "bigint",
    )} and scope = ${anyOf(scopes)} and ${CURRENT}`)
  const byId = new Map(rows.map((row) => [row.id, row]))
  return scored.flatMap(({ id, score, parts }) => {
    const row = byId.get(id)
    return row ? [{ ...row, score, parts }] : []
  })
}
