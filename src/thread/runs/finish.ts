/**
 * Finish: the ways a worker lets go of a run: finish, suspend for a person, postpone to try again, or dead-letter what failed
 * too often.
 * F1 Each is one statement, and so one commit: journal, messages, events, state and lease together. F2 Each is fenced: every
 * part reads `from held`, which is empty for a stale worker, so its ending is refused whole. F3 A run does not end over a
 * message that it has not seen. F4 The thread is ready at once when more came in.
 */
import { type SQL, sql } from "drizzle-orm"
import { Fenced } from "../../base/errors.ts"
import type { Label } from "../../base/label.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import { type Entry, type Fence, insertEntries } from "../../journal/journal.ts"
import { insertPosts, type Post } from "../outbox/outbox.ts"
import { moreWork } from "./lease.ts"

export interface Ending {
  runId: string
  fence: Fence
  now: Date
  entries: Entry[]
  posts: Post[]
  /** One more statement of a feature's own in the same commit; it must read `from held`, which is empty for a stale worker. */
  also?: SQL
}

export interface Finish extends Ending {
  state: "done" | "failed" | "cancelled"
  label: Label
  model: string | null
  error?: { code: string; message: string }
  /** What becomes of the events: `dead` keeps them for `/retry`. */
  events: "done" | "dead"
  /** The thread's `next_seq` as the run knows it: when more came in since, nothing is ended. */
  seen?: number
}

export interface NewApproval {
  id: string
  step: number
  kind: "approval" | "uncertain"
  code: string
  tool: string
  args: string
  argsHash: string
  display: string
  askedOf: string
  expiresAt: Date
}

export interface Released {
  /** The thread has more to do right away. */
  more: boolean
  /** Threads with a message that is to be sent; one on the web is there as soon as it is written. */
  unsent: string[]
}

/**
 * Gives the thread back, ready at once when it has more to do (F4). With `back`, the run comes back at that moment, and what
 * else there is to do waits behind it.
 */
function releaseLease(fence: Fence, { back, seen }: { back?: SQL; seen?: number | undefined } = {}): SQL {
  return sql`update threads set owner = null, lease_until = null,
      ready_at = ${back ?? sql`case when ${moreWork} then least(ready_at, now()) else ready_at end`}
    where id = ${fence.threadId} and owner = ${fence.owner} and epoch = ${fence.epoch} -- F2
      ${seen === undefined ? sql`` : sql`and next_seq = ${seen}`}
    returning id, ready_at`
}

/** Throws `Fenced` for a stale worker, and also when `seen` is out of date; then nothing is written. */
export async function finish(tx: Tx, end: Finish): Promise<Released> {
  return run(
    tx,
    sql`
    with held as (${releaseLease(end.fence, { seen: end.seen })} -- F3
    ), ended as (
      update runs set state = ${end.state}, ended_at = clock_timestamp(), label = ${json(end.label)}, model = ${end.model}, error = ${json(end.error)}
      from held where runs.id = ${end.runId} and runs.state = 'running'
    ), consumed as ( -- what the run took, and nothing that came in since
      update inbox set state = ${end.events}, ended_at = ${end.now}::timestamptz from held
      where run_id = ${end.runId} and state = 'claimed'
    ) ${rest(end)}`,
  )
}

/** The run waits for a person. The approval and the pause are one commit (F1), so no answer can come before it. */
export async function suspend(tx: Tx, end: Ending & { question: NewApproval }): Promise<Released> {
  const q = end.question
  return run(
    tx,
    sql`
    with held as (${releaseLease(end.fence)}), paused as (
      update runs set state = 'waiting' from held where runs.id = ${end.runId} and runs.state = 'running'
    ), asked as ( -- once a step: a second one fails at the unique key
      insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, created_at, expires_at)
      select ${q.id}::uuid, ${end.runId}::uuid, held.id, ${q.step}::int, ${q.kind}, ${q.code}, ${q.tool}, ${q.args}, ${q.argsHash}, ${q.display},
        ${q.askedOf}::uuid, ${end.now}::timestamptz, ${q.expiresAt}::timestamptz
      from held
    ) ${rest({ ...end, posts: end.posts.map((post) => ({ ...post, approvalId: q.id })) })}`,
  )
}

/** The run is tried again from its journal at `delayMs` from now, by whoever claims the thread then. `counts` as a failed try. */
export async function postpone(
  tx: Tx,
  end: Ending & { delayMs: number; error: { code: string; message: string }; counts: boolean },
): Promise<Released> {
  const at = sql`now() + make_interval(secs => ${end.delayMs / 1000}::double precision)`
  return run(
    tx,
    sql`
    with held as (${releaseLease(end.fence, { back: at })}), noted as (
      update runs set attempts = attempts + ${end.counts ? 1 : 0}::int, error = ${json(end.error)} from held where runs.id = ${end.runId}
    ) ${rest(end)}`,
  )
}

function rest(end: Ending): SQL {
  return sql`, written as (${insertEntries(end.runId, end.fence, end.entries, "held")})
    , posted as (${insertPosts(end.posts, end.runId, end.now, "held")})
    ${end.also ? sql`, also as (${end.also})` : sql``}
    select ready_at is not null and ready_at <= now() as more,
      array_to_json(array(select distinct thread_id from posted where state = 'pending')) as unsent from held`
}

async function run(tx: Tx, statement: SQL): Promise<Released> {
  const [released] = await tx.query<Released>(statement)
  if (!released) throw new Fenced()
  return released
}
