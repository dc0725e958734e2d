/**
 * Matching: from a question's words to the memories that hold some of them, by the term table; any word may match. Rare words
 * are looked up first and the rows read for one question are bounded, so a store of any size answers in about the same time.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../base/clock.ts"
import type { Db } from "../db/db.ts"
import { anyOf } from "../db/sql.ts"
import { type Candidate, K1, type Match, scored } from "./bm25.ts"
import { CURRENT } from "./history.ts"

const WORDS = 64
/** What keeps a question to a big scope from reading all of it. */
const BOUNDS: Bounds = { big: 5000, words: 12, postings: 8000 }
/** Candidates by words alone that are scored with their lengths and with what stands beside them. */
const ROUGH = 500
/** How long what is known of a big scope is used, in milliseconds: it grows slowly, and its size only shifts all weights together. */
const KNOWN_AGE = 600_000
/** A smaller scope's is used for as much less as it is smaller; below this part of a big one it is counted each time. */
const LEAST_KNOWN = 0.1

export interface Bounds {
  /** Scopes with more memories than this are big: fewer words are used, and what is known of them is used longest. */
  big: number
  /** The rarest words of a question that are used in a big scope. */
  words: number
  /** Postings read for one question, over all its words; a word that has more by itself gives its newest. */
  postings: number
}

export interface Within {
  scopes: string[]
  /** Null: all. */
  kinds: string[] | null
  limit: number
}

interface Size {
  /** Current memories. */
  count: number
  /** Mean number of word positions. */
  length: number
}

interface Known extends Size {
  /** Words that stand in too many memories to be used beside another word; counting them again is most of the work. */
  common: Set<string>
}

/** One row, with lists in it: a row for each candidate and each word costs a driver more than the search itself. */
interface Found extends Size {
  /** By the place of each word, which counts from 0. */
  idf: number[] | null
  common: string[] | null
  candidates: [id: number, length: number, thread: string | null][] | null
  hits: [id: number, place: number, tf: number][] | null
}

/** Finds by words: best first, newer first when equal; null when the text holds no word that is searched for. */
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
    // A statement of its own for each case: what is never run in one still starts its parallel workers.
    const size = known
      ? sql`select ${known.count}::bigint as count, ${known.length}::float8 as length`
      : sql`select count(*) as count, greatest(coalesce(avg(length), 1), 1)::float8 as length from memories
          where scope = ${anyOf(scopes)} and ${CURRENT}`
    const ofKind = kinds ? sql`join memories m on m.id = memory_id and m.kind = ${anyOf(kinds)}` : sql``
    const [found] = await db.query<Found>(sql`
      with word as materialized (
        select lexeme from unnest(to_tsvector('english', ${text}::text))
      ), size as materialized (${size}), lane as materialized (
        select distinct x as scope from jsonb_array_elements_text(${JSON.stringify(scopes)}::text::jsonb) x
      ), spread as materialized (
        select lexeme, case when lexeme = ${anyOf([...(known?.common ?? [])])} then ${bounds.postings}::bigint else (
          select count(*) from lane cross join lateral (
            select 1 from memory_terms t where t.scope = lane.scope and t.lexeme = word.lexeme limit ${bounds.postings}::int) one) end as df
        from word
      ), chosen as materialized (
        select lexeme, place - 1 as place, ln(1 + greatest(size.count - df + 0.5, 0.5)::float8 / (df + 0.5)::float8) as idf from size, (
          select lexeme, df, row_number() over rarest as place, sum(df) over rarest as cost
          from spread where df > 0 window rarest as (order by df, lexeme)) ranked
        where place = 1 or (place <= case when size.count > ${bounds.big}::int then ${bounds.words}::int else ${WORDS}::int end and cost <= ${bounds.postings}::int)
      ), posting as materialized (
        select p.memory_id, p.tf, chosen.place, chosen.idf from chosen cross join lane cross join lateral (
          select memory_id, tf from memory_terms t where t.scope = lane.scope and t.lexeme = chosen.lexeme
          order by memory_id desc limit ${bounds.postings}::int) p
      ), rough as materialized (
        select memory_id from posting ${ofKind}
        group by memory_id order by sum(idf * tf / (tf + ${K1}::float8)) desc, memory_id desc limit ${ROUGH}::int
      )
      select size.count, size.length, (select json_agg(idf order by place) from chosen) as idf,
        (select json_agg(lexeme) from spread where df >= ${bounds.postings}::int) as common,
        (select json_agg(json_build_array(id, length, sources ->> 'thread')) from rough join memories on id = memory_id where ${CURRENT}) as candidates,
        (select json_agg(json_build_array(memory_id, place, tf)) from posting where memory_id in (select memory_id from rough)) as hits
      from size where exists (select from word)`)
    if (!found) return null
    scopesKnown.learn(scopes, found)
    return scored(candidatesOf(found), found.idf ?? [], found.length).slice(0, limit)
  }
}

function candidatesOf({ candidates, hits }: Found): Candidate[] {
  const all = (candidates ?? []).map(([id, length, thread]): Candidate => ({ id, length, thread, words: new Map() }))
  const byId = new Map(all.map((candidate) => [candidate.id, candidate]))
  for (const [id, place, tf] of hits ?? []) byId.get(id)?.words.set(place, tf)
  return all
}

/** What was counted in a set of scopes is remembered for a while, the longer the more it was. */
function rememberScopes(clock: Clock, big: number) {
  const known = new Map<string, Known & { until: number }>()
  const nameOf = (scopes: string[]) => JSON.stringify([...new Set(scopes)].sort())
  const of = (scopes: string[]): Known | null => {
    const one = known.get(nameOf(scopes))
    return one && clock.now().getTime() < one.until ? one : null
  }
  return {
    of,
    learn(scopes: string[], { count, length, common }: Found): void {
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
