/** Insert: the statement that puts an event on its thread, numbered in commit order, once only. */
import { sql } from "drizzle-orm"
import { idOf } from "../../base/ids.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import type { Event } from "./event.ts"

export interface Accepted {
  /** The inbox row, also when it was there before. */
  id: string
  threadId: string
  duplicate: boolean
}

export interface Insertion {
  event: Event
  id: string
  /** `new` waits for a run; `done` needs none; `recorded` is only kept. */
  state: "new" | "done" | "recorded"
  now: Date
  /** It is a `/stop`: what runs on the thread at this moment ends. */
  stops?: boolean
}

/** A thread that two make at once is made by one of them; the other one finds it then. */
const TRIES = 3

/**
 * One statement: takes the next number of the thread (made if new) and inserts the row with it. The thread's row lock makes
 * numbers follow commits. A duplicate racing its twin loses the insert and leaves only a gap in the numbers.
 */
export async function insertEvent(tx: Tx, insertion: Insertion): Promise<Accepted> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const { row, twin, lane } = await tryInsert(tx, insertion)
    if (row) return { ...row, duplicate: false }
    if (twin) return { ...twin, duplicate: true }
    if (lane) return winner(tx, insertion.event)
  }
  throw new Error(`the thread ${insertion.event.threadKey} is neither there nor can it be made`)
}

interface Tried {
  /** What was inserted. */
  row: { id: string; threadId: string } | null
  /** What was there before. */
  twin: { id: string; threadId: string } | null
  /** Whether a number was taken. */
  lane: boolean
}

/**
 * `twin`: the same event from an earlier delivery; with one, nothing below changes anything.
 * `known`: the thread by its key, locked, with the next number taken; a stop is noted at its own number.
 * `made`: the thread when it is new. It is looked for first, since an insert that named one of its two unique indexes for a
 *   conflict would fail at the other one when two make it at once. Its id is made from its key, unless a chat that moved
 *   has that id already.
 * `lane`: the thread and the number, whichever way; none when another transaction makes the thread at this moment.
 * `row`: the event, unless a delivery at the same time was first: then the number stays a gap.
 */
async function tryInsert(tx: Tx, { event, id, state, now, stops = false }: Insertion): Promise<Tried> {
  const ready = state === "new" ? sql`now()` : sql`null::timestamptz`
  const [tried] = await tx.query<Tried>(sql`
    with twin as (
      select id, thread_id from inbox where source = ${event.source} and external_id = ${event.externalId}
    ), known as (
      update threads set next_seq = next_seq + 1, ready_at = least(ready_at, ${ready}), person_id = coalesce(person_id, ${event.personId}::uuid),
        target = case when ${event.target} = '' then target else ${event.target} end,
        stop_seq = case when ${stops}::boolean then next_seq else stop_seq end
      where key = ${event.threadKey} and not exists (select 1 from twin)
      returning id, next_seq - 1 as seq
    ), made as (
      insert into threads (id, channel, key, person_id, target, next_seq, ready_at, created_at)
      select case when exists (select 1 from threads where id = ${idOf(event.threadKey)}::uuid) then ${id}::uuid else ${idOf(event.threadKey)}::uuid end,
        ${event.channel}, ${event.threadKey}, ${event.personId}::uuid, ${event.target}, 2, ${ready}, ${now}::timestamptz
      where not exists (select 1 from twin) and not exists (select 1 from known)
      on conflict do nothing returning id, next_seq - 1 as seq
    ), lane as (
      select id, seq from known union all select id, seq from made
    ), row as (
      insert into inbox (id, source, external_id, thread_id, seq, kind, person_id, payload, label, state, received_at)
      select ${id}::uuid, ${event.source}, ${event.externalId}, lane.id, lane.seq, ${event.kind}, ${event.personId}::uuid,
        ${json(event.payload)}, ${json(event.label)}, ${state}, ${now}::timestamptz
      from lane on conflict (source, external_id) do nothing
      returning id, thread_id
    )
    select (select jsonb_build_object('id', id, 'threadId', thread_id) from row) as row,
      (select jsonb_build_object('id', id, 'threadId', thread_id) from twin) as twin, exists (select 1 from lane) as lane`)
  if (!tried) throw new Error("an insert into the inbox answered nothing")
  return tried
}

/** The row that won a race between two deliveries of one event; committed by now, since the loser waited for its lock. */
async function winner(tx: Tx, event: Event): Promise<Accepted> {
  const [row] = await tx.query<{ id: string; threadId: string }>(sql`
    select id, thread_id as "threadId" from inbox where source = ${event.source} and external_id = ${event.externalId}`)
  if (!row) throw new Error(`inbox lost ${event.source} ${event.externalId}`)
  return { ...row, duplicate: true }
}
