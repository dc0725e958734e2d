/** Arrival: the statement that puts an event on its thread, numbered in commit order, once only. */
import { sql } from "drizzle-orm"
import { idOf } from "../base/ids.ts"
import type { Tx } from "../db/db.ts"
import { json } from "../db/sql.ts"
import { type Event, isStop, messagePayload } from "./event.ts"

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
}

/**
 * One statement: takes the next number of the thread (made if new) and inserts the row with it. The thread's row lock makes
 * numbers follow commits. A duplicate racing its twin loses the insert and leaves only a gap in the numbers.
 */
export async function insertEvent(tx: Tx, { event, id, state, now }: Insertion): Promise<Accepted> {
  const ready = state === "new" ? sql`now()` : sql`null::timestamptz`
  const stop = event.kind === "command" && isStop(messagePayload.parse(event.payload).text)
  const [row] = await tx.query<{
    id: string | null
    threadId: string | null
    twin: string | null
    twinThread: string | null
  }>(sql`
    with twin as (
      select id, thread_id from inbox where source = ${event.source} and external_id = ${event.externalId}
    ), lane as (
      insert into threads (id, channel, key, person_id, target, next_seq, ready_at, created_at)
      select ${idOf(event.threadKey)}::uuid, ${event.channel}, ${event.threadKey}, ${event.personId}::uuid, ${event.target}, 2, ${ready}, ${now}::timestamptz
      where not exists (select 1 from twin)
      on conflict (key) do update set next_seq = threads.next_seq + 1, ready_at = least(threads.ready_at, excluded.ready_at),
        person_id = coalesce(threads.person_id, excluded.person_id),
        target = case when excluded.target = '' then threads.target else excluded.target end,
        stop_seq = case when ${stop}::boolean then threads.next_seq else threads.stop_seq end
      returning id, next_seq - 1 as seq
    ), row as (
      insert into inbox (id, source, external_id, thread_id, seq, kind, person_id, payload, label, state, received_at)
      select ${id}::uuid, ${event.source}, ${event.externalId}, lane.id, lane.seq, ${event.kind}, ${event.personId}::uuid,
        ${json(event.payload)}, ${json(event.label)}, ${state}, ${now}::timestamptz
      from lane on conflict (source, external_id) do nothing
      returning id, thread_id
    )
    select row.id, row.thread_id as "threadId", twin.id as twin, twin.thread_id as "twinThread"
    from (select 1) one left join row on true left join twin on true`)
  if (row?.id && row.threadId) return { id: row.id, threadId: row.threadId, duplicate: false }
  if (row?.twin && row.twinThread) return { id: row.twin, threadId: row.twinThread, duplicate: true }
  return winner(tx, event)
}

/** The row that won a race between two deliveries of one event; committed by now, since the loser waited for its lock. */
async function winner(tx: Tx, event: Event): Promise<Accepted> {
  const [row] = await tx.query<{ id: string; threadId: string }>(sql`
    select id, thread_id as "threadId" from inbox where source = ${event.source} and external_id = ${event.externalId}`)
  if (!row) throw new Error(`inbox lost ${event.source} ${event.externalId}`)
  return { ...row, duplicate: true }
}
