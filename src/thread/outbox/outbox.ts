/**
 * Outbox: what goes to people. The web's mailbox is this table itself: there, put is sent.
 * O1 A row exists before anything is sent: it is put in the commit that decided it, and the same key once only.
 * O2 One sender at a time on a thread, in the order of the rows; a unique index holds it. O3 `sent` has a provider's id.
 * O4 What may have been sent is sent again only with `maybe_sent`. O5 A message whose sender died comes to another one.
 */
import { type SQL, sql } from "drizzle-orm"
import { newId } from "../../base/ids.ts"
import type { Button, ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import type { Quiet } from "../../schedule/recurrence/quiet.ts"

/** How long a sender may take for one message before another may conclude that it died; every send has a shorter timeout. */
export const SENDING_SECONDS = 20

/** `reply` to a person's own words; `due` at a moment they named; `notice`: news, which may wait for the morning. */
export type Urgency = "reply" | "due" | "notice"

export interface Post {
  threadId: string
  /** The same key is put once only, whoever tries again. */
  dedupeKey: string
  /** The approval that it asks about or, with `repliesTo`, that the person's words were about. */
  approvalId?: string
  /** The inbox row that it answers without a run. */
  repliesTo?: string
  text: string
  buttons?: Button[]
  /** `reply` unless told. */
  urgency?: Urgency
  /** When the text stops being true: it is not sent any more then, and not by a second way. */
  expiresAt?: Date
  /** The text is no Markdown. */
  plain?: boolean
  /** When the text is to be forgotten here (thread/inbox/pairing.ts): it holds something secret. */
  forgetAt?: Date
}

export interface Body {
  text: string
  buttons?: Button[]
  /** ISO 8601; see `Post`. */
  expiresAt?: string
  forgetAt?: string
  plain?: boolean
}

/**
 * An insert of `posts` for use inside a larger statement; nothing when the relation `guard` is empty. Returns thread ids and states.
 * `offset 0` keeps their threads a lookup by key: Postgres takes any list in JSON for a hundred rows, and would scan.
 */
export function insertPosts(posts: Post[], runId: string | null, now: Date, guard: string): SQL {
  const rows = posts.map((p) => ({
    id: newId(),
    thread_id: p.threadId,
    dedupe_key: p.dedupeKey,
    approval_id: p.approvalId,
    replies_to: p.repliesTo,
    urgency: p.urgency ?? "reply",
    body: bodyOf(p),
  }))
  return sql`insert into outbox (id, thread_id, run_id, dedupe_key, approval_id, replies_to, channel, target, body, urgency, state, next_at,
      created_at, sent_at)
    select r.id, r.thread_id, ${runId}::uuid, r.dedupe_key, r.approval_id, r.replies_to, t.channel, t.target, r.body, r.urgency,
      case when t.channel = 'web' then 'sent' else 'pending' end, ${now}::timestamptz, ${now}::timestamptz,
      case when t.channel = 'web' then ${now}::timestamptz end
    from ${sql.raw(guard)}, jsonb_to_recordset(${json(rows)}) as r(id uuid, thread_id uuid, dedupe_key text, approval_id uuid,
        replies_to uuid, body jsonb, urgency text)
      cross join lateral (select channel, target from threads where id = r.thread_id offset 0) t
    on conflict (dedupe_key) do nothing -- O1
    returning thread_id, state`
}

function bodyOf({ text, buttons, expiresAt, forgetAt, plain }: Post): Body {
  return {
    text,
    ...(buttons ? { buttons } : {}),
    ...(expiresAt ? { expiresAt: expiresAt.toISOString() } : {}),
    ...(forgetAt ? { forgetAt: forgetAt.toISOString() } : {}),
    ...(plain ? { plain } : {}),
  }
}

/** Puts one message that belongs to no run. */
export async function postNotice(tx: Tx, post: Post & { now: Date; runId?: string }): Promise<void> {
  await tx.query(sql`with one as (select 1) ${insertPosts([post], post.runId ?? null, post.now, "one")}`)
}

export interface Sending {
  id: string
  threadId: string
  channel: ChannelId
  target: string
  body: Body
  urgency: Urgency
  attempts: number
  runId: string | null
  createdAt: Date
  /** Provider ids of the parts that were accepted already, joined with `,`. */
  providerId: string | null
}

/** A message taken for sending, with what decides whether it may go at this hour. */
export interface TakenMessage extends Sending {
  /** More wait behind it. */
  more: boolean
  urgency: Urgency
  /** It was sent before, perhaps, and nobody could say whether it arrived. */
  maybeSent: boolean
  /** Of the person it goes to; null when it goes to nobody known. */
  quiet: Quiet | null
}

export interface Report {
  channel: ChannelId
  providerId: string
  /** The row that the report's address names. */
  outboxId?: string | undefined
  state: "delivered" | "failed"
  error?: { code: string; fix?: string } | undefined
}

export interface Outbox {
  /**
   * Takes the first waiting message of a thread for sending, and says whether more wait behind it; null when there is
   * none, or another sender is at it.
   */
  take(threadId: string, now: Date): Promise<TakenMessage | null>
  /** One more part of a message was accepted; stored at once, so that a broken send goes on after it. */
  part(id: string, providerId: string): Promise<void>
  sent(id: string, providerId: string, now: Date): Promise<void>
  /** Tried again at `nextAt`. It was surely not accepted, unless `maybeSent`: then whoever gets it twice is told so. */
  retry(id: string, nextAt: Date, error: unknown, maybeSent?: boolean): Promise<void>
  /** Not tried at all: it waits for `until`, and what comes after it passes by. */
  hold(id: string, until: Date): Promise<void>
  /** Not tried at all, for a reason of the channel's: it waits until then, and what comes after it behind it. */
  delay(id: string, until: Date, reason: unknown): Promise<void>
  /** Accepted or not, nobody knows. */
  uncertain(id: string, error: unknown): Promise<void>
  failed(id: string, error: unknown): Promise<void>
  /**
   * A provider's later word on a message: only ever forward (sent, delivered or failed). Found by `outboxId` where the
   * report names it, as it may come before the provider's id is stored. One part that did not arrive fails the message,
   * also after another part did. Returns the thread.
   */
  reported(report: Report): Promise<string | null>
  /** Threads with something to send now. */
  waiting(now: Date): Promise<string[]>
  /** Whether it arrived is being found out: the thread stays with whoever asks, for as long as a sender may take. */
  reconciling(id: string, error: unknown): Promise<void>
  /**
   * Messages whose sender died while sending. They are now in the caller's hands for as long as a sender may take, and
   * no other message of their thread goes before them; should the caller die too, they come again.
   */
  adoptDead(): Promise<Sending[]>
  /** At the boot of the only process: whoever was sending is dead. */
  dropAll(): Promise<void>
}

const COLUMNS = sql`id, thread_id as "threadId", channel, target, body, urgency, attempts, run_id as "runId", provider_id as "providerId",
  created_at as "createdAt"`

/** A sender is at it; a report on one of its parts may have come already, and the others are still to be sent. */
const IN_HAND = sql`(state = 'sending' or (state in ('delivered', 'failed') and sending_until is not null))`

/** When another sender may conclude that this one died. */
const inTime = sql`now() + make_interval(secs => ${SENDING_SECONDS})`

/** What was never put off is due by any clock: one that was set back since must not make it wait. */
const isDue = (now: Date) => sql`(next_at <= created_at or next_at <= ${now}::timestamptz)`

export function createOutbox(db: Tx): Outbox {
  const settle = (id: string, error: unknown, set: SQL) =>
    db.query(sql`update outbox set ${set}, error = ${json(error)}, sending_until = null
      where id = ${id} and (${IN_HAND} or state = 'uncertain')`)

  return {
    async take(threadId, now) {
      try {
        const [row] = await db.query<TakenMessage>(sql`
          update outbox set state = 'sending', attempts = attempts + 1, sending_until = ${inTime}
          where id = (select id from outbox where thread_id = ${threadId} and state = 'pending' and ${notHeld(now)} order by seq limit 1)
            and state = 'pending' and ${isDue(now)} -- O2: the first one only, also when it is not due
          returning ${COLUMNS},
            maybe_sent as "maybeSent", (
            select jsonb_build_object('zone', zone, 'hours', quiet_hours) from threads join people on people.id = person_id
            where threads.id = outbox.thread_id) as quiet, exists (
            select 1 from outbox later where later.thread_id = ${threadId} and later.state = 'pending' and later.seq > outbox.seq) as more`)
        return row ?? null
      } catch (error) {
        if (isOneSender(error)) return null
        throw error
      }
    },
    async part(id, providerId) {
      await db.query(
        sql`update outbox set provider_id = concat_ws(',', provider_id, ${providerId}::text)
          where id = ${id} and ${IN_HAND} and ${providerId}::text <> all (string_to_array(coalesce(provider_id, ''), ','))`,
      )
    },
    async sent(id, providerId, now) {
      const set = sql`provider_id = ${providerId}, sent_at = ${now}::timestamptz` // O3
      await settle(id, null, sql`state = case when state in ('delivered', 'failed') then state else 'sent' end, ${set}`)
    },
    async retry(id, nextAt, error, maybeSent = false) {
      const set = sql`next_at = ${nextAt}::timestamptz, maybe_sent = maybe_sent or ${maybeSent}::boolean` // O4
      await settle(id, error, sql`state = 'pending', ${set}`)
    },
    async hold(id, until) {
      await settle(id, null, sql`state = 'pending', held_until = ${until}::timestamptz, attempts = attempts - 1`)
    },
    async delay(id, until, reason) {
      await settle(id, reason, sql`state = 'pending', next_at = ${until}::timestamptz, attempts = attempts - 1`)
    },
    async uncertain(id, error) {
      await settle(id, error, sql`state = 'uncertain'`)
    },
    async failed(id, error) {
      await settle(id, error, sql`state = 'failed'`)
    },
    async reported({ channel, providerId, outboxId, state, error }) {
      const which = outboxId
        ? sql`id = ${outboxId}::uuid`
        : sql`string_to_array(provider_id, ',') @> array[${providerId}::text]`
      const [row] = await db.query<{ threadId: string }>(sql`
        update outbox set state = ${state}, provider_id = coalesce(provider_id, ${providerId}), error = ${error ? json(error) : sql`error`}
        where channel = ${channel} and ${which} and (state in ('sending', 'sent', 'uncertain')
          or (${state} = 'failed' and state = 'delivered' and provider_id like '%,%'))
        returning thread_id as "threadId"`)
      return row?.threadId ?? null
    },
    async waiting(now) {
      const rows = await db.query<{ threadId: string }>(sql`
        select distinct thread_id as "threadId" from outbox
        where state = 'pending' and ${isDue(now)} and ${notHeld(now)}`)
      return rows.map((row) => row.threadId)
    },
    async reconciling(id, error) {
      await db.query(
        sql`update outbox set sending_until = ${inTime}, error = ${json(error)} where id = ${id} and ${IN_HAND}`,
      )
    },
    adoptDead() {
      return db.query<Sending>(sql`
        update outbox set sending_until = ${inTime}, error = ${json({ code: "sender_died" })}
        where state = 'sending' and sending_until < now() returning ${COLUMNS} -- O5`)
    },
    async dropAll() {
      await db.query(sql`update outbox set sending_until = now() - interval '1 second' where state = 'sending'`)
    },
  }
}

/** The code of an error as it was kept with a message. */
export function codeIn(error: unknown): string | null {
  return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : null
}

function notHeld(now: Date): SQL {
  return sql`(held_until is null or held_until <= ${now}::timestamptz)`
}

function isOneSender(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "23505"
}
