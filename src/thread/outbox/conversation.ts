/**
 * Mailbox: a thread as people read it: what they wrote and what was answered, in order. Only reads; what is here was
 * put here by the inbox and the outbox.
 */
import { sql } from "drizzle-orm"
import type { Button, ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"

export interface ThreadMessage {
  id: string
  from: "person" | "vigil"
  text: string
  at: Date
  /** Of the inbox row for a person's words (`new`, `claimed`, `done`, `dead`), of the outbox row for an answer. */
  state: string
  runId: string | null
  buttons: Button[]
}

/** An answer with its place in the order of answers. */
export interface Reply extends ThreadMessage {
  seq: number
}

export interface ThreadView {
  id: string
  channel: ChannelId
  key: string
  personId: string | null
  target: string
}

/** What became of one accepted message so far. */
export interface MessageResult {
  id: string
  threadId: string
  /** Of the inbox row. */
  state: string
  /** The run that took it, or that goes on because of it. */
  runId: string | null
  runState: string | null
  /** All that was said to it; null while nothing was. */
  reply: string | null
}

const BUTTONS = sql`coalesce(body -> 'buttons', '[]'::jsonb) as buttons`

export async function threadOf(tx: Tx, id: string): Promise<ThreadView | null> {
  const [row] = await tx.query<ThreadView>(sql`
    select id, channel, key, person_id as "personId", target from threads where id = ${id}::uuid`)
  return row ?? null
}

/** The newest `limit` letters of a thread, or those before a moment; oldest first. */
export async function messagesOf(
  tx: Tx,
  threadId: string,
  { limit, before = null }: { limit: number; before?: Date | null },
): Promise<ThreadMessage[]> {
  const until = (column: "received_at" | "created_at") =>
    before ? sql`and ${sql.raw(column)} < ${before}::timestamptz` : sql``
  const rows = await tx.query<ThreadMessage>(sql`
    select * from (
      (select id, 'person' as "from", payload ->> 'text' as text, received_at as at, state, run_id as "runId", '[]'::jsonb as buttons
       from inbox where thread_id = ${threadId}::uuid and kind in ('message', 'command') and state <> 'recorded' ${until("received_at")}
       order by seq desc limit ${limit}::int)
      union all
      (select id, 'vigil' as "from", body ->> 'text' as text, created_at as at, state, run_id as "runId", ${BUTTONS}
       from outbox where thread_id = ${threadId}::uuid ${until("created_at")} order by seq desc limit ${limit}::int)
    ) both_ways order by at desc, id desc limit ${limit}::int`)
  return rows.reverse()
}

/**
 * Answers after `cursor`, in order. Within a thread numbers follow commits, since whoever posts holds the thread's row:
 * a reader that keeps the last number misses none.
 */
export function repliesAfter(tx: Tx, threadId: string, cursor: number): Promise<Reply[]> {
  return tx.query<Reply>(sql`
    select id, seq, 'vigil' as "from", body ->> 'text' as text, created_at as at, state, run_id as "runId", ${BUTTONS}
    from outbox where thread_id = ${threadId}::uuid and seq > ${cursor}::bigint order by seq limit 200`)
}

/** The number of a thread's last answer; 0 when there is none. */
export async function lastReply(tx: Tx, threadId: string): Promise<number> {
  const [row] = await tx.query<{ seq: number }>(sql`
    select coalesce(max(seq), 0) as seq from outbox where thread_id = ${threadId}::uuid`)
  return row?.seq ?? 0
}

/**
 * What became of a message. What its run sends elsewhere (a digest to a phone) is no reply to it. Words that decide an approval
 * start no run of their own: they belong to the run that goes on because of them, wherever that replies.
 */
export async function resultOfMessage(tx: Tx, inboxId: string): Promise<MessageResult | null> {
  const [row] = await tx.query<MessageResult>(sql`
    select i.id, i.thread_id as "threadId", i.state, r.id as "runId", r.state as "runState", (
      select string_agg(o.body ->> 'text', E'\n\n' order by o.seq) from outbox o
      where o.fallback_of is null and (o.replies_to = i.id
        or (o.run_id = r.id and (r.trigger_id = i.id or o.created_at >= i.received_at)
          and (a.id is not null or o.thread_id = i.thread_id)))
    ) as reply
    from inbox i
    left join approvals a on a.answered_event = i.id
    left join runs r on r.id = coalesce(i.run_id, a.run_id)
    where i.id = ${inboxId}::uuid`)
  return row ?? null
}
