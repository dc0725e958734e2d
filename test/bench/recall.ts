/** Recall: how long a question takes over a large store, and how the time grows with it. */
import { sql } from "drizzle-orm"
import { systemClock } from "../../src/base/clock.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import type { Db } from "../../src/db/db.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { json } from "../../src/db/sql.ts"
import { createMemory } from "../../src/memory/store.ts"
import { createRandom } from "../durability/random.ts"
import { type Sample, sampleOf } from "./figures.ts"

const SCOPE = "person:bench"
const BATCH = 2000
const VOCABULARY = 30_000
const QUESTIONS = 120

/** Recall times at each of `sizes` memories, one after the other as the store grows. */
export async function benchRecall(db: Opened, sizes: number[]): Promise<{ size: number; recall: Sample }[]> {
  const memory = createMemory({ db, queue: { send: async () => {} }, clock: systemClock })
  const random = createRandom(7)
  const results: { size: number; recall: Sample }[] = []
  let held = 0
  for (const size of sizes) {
    for (; held < size; held += BATCH)
      await grow(
        db,
        Array.from({ length: BATCH }, () => sentence(random, 14)),
      )
    await db.raw("analyze memories, memory_terms")
    const times: number[] = []
    for (let n = 0; n < QUESTIONS; n++) {
      const text = sentence(random, 7)
      const start = performance.now()
      await memory.recall({ scopes: [SCOPE], text, limit: 10 })
      times.push(performance.now() - start)
    }
    results.push({ size, recall: sampleOf(times.slice(20)) })
  }
  return results
}

/** Words as often as in speech: the second half as often as the first, the third a third as often (Zipf). */
function sentence(random: () => number, words: number): string {
  const word = () => `w${Math.floor(VOCABULARY ** random()).toString(36)}q`
  return Array.from({ length: words }, word).join(" ")
}

/** The rows that `remember` writes, many at a time. */
async function grow(db: Db, texts: string[]): Promise<void> {
  await db.query(sql`
    with given as materialized (
      select text, to_tsvector('english', text) as words from jsonb_array_elements_text(${JSON.stringify(texts)}::text::jsonb) text
    ), made as (
      insert into memories (scope, kind, text, length, content_hash, sources, label, valid_from, recorded_at)
      select ${SCOPE}, 'fact', text, 14, md5(text || random()), '{}', ${json(OWNER_LABEL)}, now(), now() from given returning id, text
    )
    insert into memory_terms (scope, lexeme, memory_id, tf)
    select ${SCOPE}, word.lexeme, made.id, cardinality(word.positions) from made join given using (text), unnest(given.words) word
    on conflict do nothing`)
}
