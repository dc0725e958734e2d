/**
 * Lease: who may work on a thread.
 * L1 One worker at a time holds a thread, for five seconds that it renews while it works. L2 Each claim raises the epoch, and
 * every write names owner and epoch, so a worker that slept past its lease changes nothing. L3 No transaction is open while a
 * thread is held. L4 What a dead worker left comes first, then the longest-waiting thread; of a thread, a run that was begun
 * comes before new events. L5 A run takes the messages of one person only: whom it works for decides what it may do.
 */
import { type SQL, sql } from "drizzle-orm"
import type { Label } from "../../base/label.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Db } from "../../db/db.ts"
import { anyOf } from "../../db/sql.ts"
import type { Fence, ThreadNews } from "../../journal/journal.ts"
import type { EventKind } from "../inbox/event.ts"
import { OWNER_ID, type Person } from "../people/people.ts"

export const LEASE_SECONDS = 5
/** Nothing is put off for longer than a minute (`execute.ts`). */
const MOST_READY_SECONDS = 120

/** A moment has come; also one so far ahead that nobody can have meant it: the database's clock was set back since. */
function isNow(column: "ready_at" | "lease_until", mostSeconds: number): SQL {
  const at = sql.raw(column)
  return sql`(${at} <= now() or ${at} > now() + make_interval(secs => ${sql.raw(String(mostSeconds))}))`
}

/** Work waits and nobody holds the thread, or who held it did not renew. */
const isFree = sql`((owner is null and ${isNow("ready_at", MOST_READY_SECONDS)})
  or (owner is not null and ${isNow("lease_until", 2 * LEASE_SECONDS)}))`

/** What a claim found to do: a run to go on with, or the events that start a new one. */
export interface Claim extends ThreadNews {
  fence: Fence
  thread: {
    id: string
    channel: ChannelId
    key: string
    personId: string | null
    model: string | null
    historyFrom: number
  }
  run: ClaimedRun | null
}

export interface ClaimedRun {
  id: string
  kind: EventKind
  /** False when it was begun before, by whoever held the thread then. */
  fresh: boolean
  /** Failed tries so far, this one not counted. */
  attempts: number
  label: Label
  startedAt: Date
  /** The events it answers, in order; at least one. */
  events: ClaimedEvent[]
  /** Whom it works for: who sent the first event that somebody sent, or the owner; null when there is no such person. */
  person: Person | null
}

export interface ClaimedEvent {
  id: string
  seq: number
  personId: string | null
  payload: unknown
  label: Label
  receivedAt: Date
}

/** Whether a thread has something to do beyond what runs now; for use where `threads` is in scope. */
export const moreWork: SQL = sql`(exists (select 1 from inbox where thread_id = threads.id and state = 'new')
  or exists (select 1 from runs where thread_id = threads.id and ${resumable("runs")}))`

/** A waiting run whose approvals are all decided, or expired. */
function resumable(runs: string): SQL {
  return sql`${sql.raw(runs)}.state = 'waiting' and not exists (
    select 1 from approvals where approvals.run_id = ${sql.raw(runs)}.id and approvals.state = 'open')`
}

export interface Leases {
  /**
   * Claims `threadId`, or the thread whose worker's lease ran out the longest ago, or the longest-waiting one. Null when
   * there is none. A crashed run comes back first, then an answered one, then new events; rapid messages
   * of one person come together: whom a run works for decides what it may do. Only another worker's run that comes back
   * counts as a failed try of it: one's own lapsed while the database could not be written to, and nothing crashed.
   */
  claim(threadId?: string): Promise<Claim | null>
  /** Those of `threadIds` that could be claimed now. */
  ready(threadIds: string[]): Promise<string[]>
  /** Extends the lease; null when it was lost. */
  renew(fence: Fence): Promise<ThreadNews | null>
  /** Gives the thread back as it is. */
  release(fence: Fence): Promise<void>
  /** At the boot of the only process: whoever held a thread is dead. Returns the threads set free. */
  dropAll(): Promise<number>
}

export function createLeases({
  db,
  owner,
  newRunId,
  codeVersion,
}: {
  db: Db
  owner: string
  newRunId: () => string
  codeVersion: string
}): Leases {
  return {
    async claim(threadId) {
      const [row] = await db.query<ClaimRow>(claimStatement({ threadId, owner, runId: newRunId(), codeVersion }))
      return row ? toClaim(row, owner) : null
    },
    async ready(threadIds) {
      const rows = await db.query<{ id: string }>(
        sql`select id from threads where id = ${anyOf(threadIds, "uuid")} and ${isFree}`,
      )
      return rows.map(({ id }) => id)
    },
    async renew(fence) {
      const [news] = await db.query<ThreadNews>(sql`
        update threads set lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
        where id = ${fence.threadId} and owner = ${fence.owner} and epoch = ${fence.epoch}
        returning next_seq as "nextSeq", stop_seq as "stopSeq"`)
      return news ?? null
    },
    async release(fence) {
      await db.query(sql`
        update threads set owner = null, lease_until = null, ready_at = case when ${moreWork} then least(ready_at, now()) else ready_at end
        where id = ${fence.threadId} and owner = ${fence.owner} and epoch = ${fence.epoch}`)
    },
    async dropAll() {
      const rows = await db.query(
        sql`update threads set lease_until = now() - interval '1 second' where owner is not null returning id`,
      )
      return rows.length
    },
  }
}

/**
 * The claim, its new run and its events in one statement. An event committed between this statement's snapshot and its
 * lock is missed here, and found by `moreWork` when the thread is given back.
 */
function claimStatement(p: { threadId: string | undefined; owner: string; runId: string; codeVersion: string }): SQL {
  const which = p.threadId ? sql`threads.id = ${p.threadId} and` : sql``
  return sql`
    with free as (
      select id, owner as dead from threads
      where ${which} ${isFree}
      order by owner is null, least(ready_at, lease_until) -- L4
      limit 1 for no key update skip locked -- L1: two workers never wait for one row, they take two
    ), held as (
      update threads set owner = ${p.owner}, epoch = epoch + 1, ready_at = null, -- L2
        lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
      from free where threads.id = free.id
      returning threads.id, channel, key, person_id, model, history_from, epoch, next_seq, stop_seq, free.dead
    ), open as (
      select runs.id, runs.state from runs join held on runs.thread_id = held.id
      where runs.state = 'running' or (${resumable("runs")})
      order by runs.state, runs.started_at limit 1 -- L4: running (its worker died) before waiting
    ), resumed as (
      update runs set state = 'running', attempts = runs.attempts
        + case when open.state = 'running' and held.dead is not null and held.dead <> ${p.owner} then 1 else 0 end
      from open, held where runs.id = open.id and runs.state in ('running', 'waiting')
      returning runs.id, runs.kind, runs.label, runs.started_at, runs.attempts, false as fresh
    ), waiting as ( -- new events count only when no run goes on
      select inbox.* from inbox join held on inbox.thread_id = held.id
      where inbox.state = 'new' and not exists (select 1 from open)
    ), first as (
      select * from waiting order by seq limit 1
    ), batch as ( -- L5: the first event, and the messages of its person up to anything else
      select waiting.* from waiting, first
      where waiting.id = first.id or (first.kind = 'message' and waiting.kind = 'message'
        and waiting.person_id is not distinct from first.person_id
        and waiting.seq < coalesce((select min(other.seq) from waiting other
          where other.kind <> 'message' or other.person_id is distinct from first.person_id), 9007199254740991))
    ), begun as ( -- nothing when a run goes on: then first is empty
      insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at)
      select ${p.runId}::uuid, thread_id, id, kind, 'running', label, ${p.codeVersion}, clock_timestamp() from first
      returning id, kind, label, started_at, attempts, true as fresh
    ), taken as (
      update inbox set state = 'claimed', run_id = begun.id, attempts = inbox.attempts + 1
      from batch, begun where inbox.id = batch.id and inbox.state = 'new'
      returning inbox.id, inbox.seq, inbox.person_id, inbox.payload, inbox.label, inbox.received_at
    ), run as (
      select * from resumed union all select * from begun
    ), events as (
      select * from taken union all
      select inbox.id, inbox.seq, inbox.person_id, inbox.payload, inbox.label, inbox.received_at
      from inbox join resumed on inbox.run_id = resumed.id
    )
    select held.id as "threadId", channel, key, held.person_id as "personId", model, history_from as "historyFrom", epoch,
      next_seq as "nextSeq", stop_seq as "stopSeq",
      run.id as "runId", run.kind, run.label, run.started_at as "startedAt", run.attempts, run.fresh, found.events,
      (select jsonb_build_object('id', id, 'name', name, 'role', role, 'zone', zone) from people
        where id = coalesce(found.sender, ${OWNER_ID}::uuid)) as person
    from held left join run on true, (
      select coalesce(jsonb_agg(jsonb_build_object('id', id, 'seq', seq, 'personId', person_id, 'payload', payload,
        'label', label, 'receivedAt', received_at) order by seq), '[]') as events,
        (array_agg(person_id order by seq) filter (where person_id is not null))[1] as sender
      from events
    ) found`
}

interface ClaimRow extends ThreadNews {
  threadId: string
  channel: ChannelId
  key: string
  personId: string | null
  model: string | null
  historyFrom: number
  epoch: number
  runId: string | null
  kind: EventKind
  label: Label
  startedAt: Date
  attempts: number
  fresh: boolean
  person: Person | null
  events: (Omit<ClaimedEvent, "receivedAt"> & { receivedAt: string })[]
}

function toClaim(row: ClaimRow, owner: string): Claim {
  const events = row.events.map((event) => ({ ...event, receivedAt: new Date(event.receivedAt) }))
  const { kind, fresh, attempts, label, startedAt, person, channel, key, personId, model, historyFrom } = row
  return {
    fence: { threadId: row.threadId, owner, epoch: row.epoch },
    thread: { id: row.threadId, channel, key, personId, model, historyFrom },
    nextSeq: row.nextSeq,
    stopSeq: row.stopSeq,
    run: row.runId === null ? null : { id: row.runId, kind, fresh, attempts, label, startedAt, events, person },
  }
}
