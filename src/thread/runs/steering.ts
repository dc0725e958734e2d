/**
 * Steering: takes what a person said while their run works into that run, written to its journal in the same statement. What
 * others say on the same chat waits for a run of its own: it would have the rights of somebody else in this one.
 */
import { sql } from "drizzle-orm"
import { Fenced } from "../../base/errors.ts"
import type { Label } from "../../base/label.ts"
import type { Tx } from "../../db/db.ts"
import { type Fence, fenced } from "../../journal/journal.ts"

export interface Steered {
  text: string
  label: Label
  /** Of a message that something came with: its row, and all of its payload. */
  id?: string
  payload?: unknown
}

/** New messages of the run's own person, up to the first event of another kind or person, oldest first. Throws `Fenced`. */
export async function takeNewMessages(
  tx: Tx,
  step: { runId: string; fence: Fence; n: number; opId: string },
): Promise<Steered[]> {
  const [row] = await tx.query<{ messages: Steered[] }>(sql`
    with held as (${fenced(step.fence)}), whose as ( -- the person that the run works for
      select person_id from runs join inbox on inbox.id = runs.trigger_id where runs.id = ${step.runId}::uuid
    ), waiting as (
      select inbox.*, inbox.person_id is not distinct from whose.person_id as theirs
      from inbox join held on inbox.thread_id = held.id, whose where inbox.state = 'new'
    ), taken as ( -- up to the first event that is not theirs, or no message: the order of a thread stays
      update inbox set state = 'claimed', run_id = ${step.runId}, attempts = inbox.attempts + 1 from waiting
      where inbox.id = waiting.id and inbox.state = 'new' and waiting.kind = 'message'
        and waiting.seq < coalesce((select min(seq) from waiting where kind <> 'message' or not theirs), 9007199254740991)
      returning inbox.id, inbox.seq, inbox.payload, inbox.label
    ), messages as (
      select coalesce(jsonb_agg(jsonb_build_object('text', payload -> 'text', 'label', label)
        || case when payload ? 'attachments' then jsonb_build_object('id', id, 'payload', payload) else '{}' end
        order by seq), '[]') as list from taken
    ), written as ( -- in the same commit: what was taken is in the journal, whoever goes on with the run
      insert into journal (run_id, epoch, n, phase, kind, name, op_id, replay, result)
      select ${step.runId}::uuid, ${step.fence.epoch}::bigint, ${step.n}::int, 'outcome', 'note', 'steer', ${step.opId}::uuid, 'pure', list
      from messages, held where list <> '[]'
    )
    select list as messages from messages, held`)
  if (!row) throw new Fenced()
  return row.messages
}
