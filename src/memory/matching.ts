/**
 * Matching: finds the memories that contain any word of a question, by the term table. Rare words are looked up first, and
 * the number of rows that one question reads is bounded, so that a store of any size answers in about the same time.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../base/clock.ts"
import type { Db } from "../db/db.ts"
import { anyOf } from "../db/sql.ts"
import { type Candidate, K1, type Match, scored } from "./bm25.ts"
import { CURRENT } from "./history.ts"

/** Words of a question that are used at most. */
const WORDS = 64
/** The bounds that keep a question from reading the whole of a big scope. */
const BOUNDS: Bounds = { big: 5000, words: 12, postings: 8000 }
/**
 * Candidates that the statement chooses by words alone. Only these are scored with their lengths and their neighbours
 * (`bm25.ts`).
 */
const ROUGH = 500
/**
 * Milliseconds for which the figures of a big scope are used. They may be old: a scope grows slowly, and its size shifts
 * all weights together.
 */
const KNOWN_AGE = 600_000
/**
 * The figures of a smaller scope are used for a proportionally shorter time. A scope below this fraction of a big one is
 * counted for every question.
 */
const LEAST_KNOWN = 0.1

export interface Bounds {
  /**
   * A scope with more memories is big: fewer words of a question are used, and its figures are used for the longest time.
   */
  big: number
  /** Words of a question that are used in a big scope, the rarest first. */
  words: number
  /** Postings that are read for one question, over all its words. A single word with more postings gives its newest ones. */
  postings: number
}

export interface Within {
  scopes: string[]
  /** Null for every kind. */
  kinds: string[] | null
  limit: number
}

interface Size {
  /** Number of current memories. */
  count: number
  /** Mean number of word positions. */
  length: number
}

/** The figures of a set of scopes that are kept for a while. */
interface Known extends Size {
  /**
   * Words in so many memories that they are used only alone. They are kept because counting them again is most of the
   * work.
   */
  common: Set<string>
}

/**
 * The result: one row that contains lists. One row per candidate and word would cost a driver more than the search
 * itself.
 */
interface SearchRow extends Size {
  /** The weight of each word, by the place of the word, from 0. */
  idf: number[] | null
  common: string[] | null
  candidates: [id: number, length: number, thread: string | null][] | null
  hits: [id: number, place: number, tf: number][] | null
}

/**
 * Finds memories by words, best first, and the newer first when equal; null when the text has no word that is searched
 * for.
 */
export type Matching = (text: string, within: Within) => Promise<Match[] | null>

export interface MatchingDeps {
  db: Db
  clock: Clock
  bounds?: Bounds
}

export function matching({ db, clock, bounds = BOUNDS }: MatchingDeps): Matching {
  const scopesKnown = rememberScopes(clock, bounds.big)
  return async (text, { scopes, kinds, limit }) => {
    const known = scopesKnown.of(scopes)
    // Each case has its own statement: Postgres starts the parallel workers of a count even when a condition keeps the
    // count from running.
    const size = known
      ? sql`select ${known.count}::bigint as count, ${known.length}::float8 as length`
      : sql`select count(*) as count, greatest(coalesce(avg(length), 1), 1)::float8 as length from memories
          where scope = ${anyOf(scopes)} and ${CURRENT}`
    const ofKind = kinds ? sql`join memories m on m.id = memory_id and m.kind = ${anyOf(kinds)}` : sql``
    const [row] = await db.query<SearchRow>(sql`
      with word as materialized (
        -- The words of the question, in the form in which the term table has them.
        select lexeme from unnest(to_tsvector('english', ${text}::text))
      ), size as materialized (${size}), lane as materialized (
        -- Each scope once: a scope that is named twice would count its memories twice.
        select distinct x as scope from jsonb_array_elements_text(${JSON.stringify(scopes)}::text::jsonb) x
      ), spread as materialized (
        -- In how many memories each word occurs. The count stops at the bound on postings, and a word that is known to
        -- reach it is not counted again.
        select lexeme, case when lexeme = ${anyOf([...(known?.common ?? [])])} then ${bounds.postings}::bigint else (
          select count(*) from lane cross join lateral (
            select 1 from memory_terms t where t.scope = lane.scope and t.lexeme = word.lexeme limit ${bounds.postings}::int) one) end as df
        from word
      ), chosen as materialized (
        -- The words that are looked up, with their weights (idf). The rarest word always is. The others follow, rarest
        -- first, while the number of words and the sum of their postings stay within the bounds.
        select lexeme, place - 1 as place, ln(1 + greatest(size.count - df + 0.5, 0.5)::float8 / (df + 0.5)::float8) as idf from size, (
          select lexeme, df, row_number() over rarest as place, sum(df) over rarest as cost
          from spread where df > 0 window rarest as (order by df, lexeme)) ranked
        where place = 1 or (place <= case when size.count > ${bounds.big}::int then ${bounds.words}::int else ${WORDS}::int end and cost <= ${bounds.postings}::int)
      ), posting as materialized (
        -- The newest memories of each chosen word in each scope.
        select p.memory_id, p.tf, chosen.place, chosen.idf from chosen cross join lane cross join lateral (
          select memory_id, tf from memory_terms t where t.scope = lane.scope and t.lexeme = chosen.lexeme
          order by memory_id desc limit ${bounds.postings}::int) p
      ), rough as materialized (
        -- The best candidates by words alone. Lengths would need the row of every memory that has a posting.
        select memory_id from posting ${ofKind}
        group by memory_id order by sum(idf * tf / (tf + ${K1}::float8)) desc, memory_id desc limit ${ROUGH}::int
      )
      -- One row with lists, for the reason at SearchRow. No row at all says that the text has no word.
      select size.count, size.length, (select json_agg(idf order by place) from chosen) as idf,
        (select json_agg(lexeme) from spread where df >= ${bounds.postings}::int) as common,
        (select json_agg(json_build_array(id, length, sources ->> 'thread')) from rough join memories on id = memory_id where ${CURRENT}) as candidates,
        (select json_agg(json_build_array(memory_id, place, tf)) from posting where memory_id in (select memory_id from rough)) as hits
      from size where exists (select from word)`)
    if (!row) return null
    scopesKnown.learn(scopes, row)
    return scored(candidatesOf(row), row.idf ?? [], row.length).slice(0, limit)
  }
}

function candidatesOf({ candidates, hits }: SearchRow): Candidate[] {
  const all = (candidates ?? []).map(([id, length, thread]): Candidate => ({ id, length, thread, words: new Map() }))
  const byId = new Map(all.map((candidate) => [candidate.id, candidate]))
  for (const [id, place, tf] of hits ?? []) byId.get(id)?.words.set(place, tf)
  return all
}

/** Keeps the figures of a set of scopes for a while: the bigger the scopes, the longer. */
function rememberScopes(clock: Clock, big: number) {
  const known = new Map<string, Known & { until: number }>()
  const nameOf = (scopes: string[]) => JSON.stringify([...new Set(scopes)].sort())
  const of = (scopes: string[]): Known | null => {
    const entry = known.get(nameOf(scopes))
    return entry && clock.now().getTime() < entry.until ? entry : null
  }
  return {
    of,
    learn(scopes: string[], { count, length, common }: SearchRow): void {
      const before = of(scopes)
      for (const word of common ?? []) before?.common.add(word)
      if (before) return
      const part = Math.min(count / big, 1)
      const until = clock.now().getTime() + part * KNOWN_AGE
      if (part >= LEAST_KNOWN) known.set(nameOf(scopes), { count, length, common: new Set(common), until })
      else known.delete(nameOf(scopes))
    },
  }
}
