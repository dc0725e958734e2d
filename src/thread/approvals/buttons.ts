/** Buttons: approvals that are decided while their messages may still show buttons, in every place where they were asked for. */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import type { ApprovalOutcome } from "./words.ts"

export interface ApprovalMessage {
  channel: ChannelId
  target: string
  providerId: string
  /** As it was sent. */
  text: string
}

export interface DecidedApproval extends ApprovalOutcome {
  approvalId: string
  /** Of the person it was asked of; null when they never said. */
  zone: string | null
  /** Messages that ask for it and that their channel accepted. */
  messages: ApprovalMessage[]
}

const AT_ONCE = 20

/** Whose messages are not on their way any more, oldest first; those in `except` are left out. */
export function decidedApprovals(tx: Tx, except: string[]): Promise<DecidedApproval[]> {
  return tx.query<DecidedApproval>(sql`
    with decided as ( -- one row a message, or one without any: it may never have been put
      select approvals.id, approvals.state as verdict, kind, answered_by, answered_via, answered_at, asked_of,
        o.channel, o.target, o.provider_id, o.state, o.seq, o.body ->> 'text' as text
      from approvals left join outbox o on o.approval_id = approvals.id and o.replies_to is null
      -- The index holds just these; those left out failed a moment ago.
      where approvals.state <> 'open' and cleared_at is null and not approvals.id = any(select jsonb_array_elements_text(${json(except)})::uuid)
    )
    select id as "approvalId", verdict as state, kind, (select name from people where people.id = answered_by) as by,
      answered_via as via, answered_at as at, (select zone from people where people.id = asked_of) as zone,
      coalesce(jsonb_agg(jsonb_build_object('channel', channel, 'target', target, 'providerId', provider_id, 'text', text)
        order by seq) filter (where provider_id is not null), '[]') as messages
    from decided group by id, verdict, kind, answered_by, answered_via, answered_at, asked_of
    -- Not while a sender holds one: it would be sent with its buttons after they were taken away.
    having not coalesce(bool_or(state = 'sending'), false) order by id limit ${AT_ONCE}::int`)
}

/** Its buttons are gone; a message that asks for it and never left is taken back. */
export async function markCleared(tx: Tx, approvalId: string, now: Date): Promise<void> {
  await tx.query(sql`
    with cleared as (
      update approvals set cleared_at = ${now}::timestamptz where id = ${approvalId}::uuid returning id
    )
    update outbox set state = 'failed', error = ${json({ code: "decided", message: "it was decided before this was sent" })}
    from cleared where outbox.approval_id = cleared.id and outbox.replies_to is null and outbox.state = 'pending'
      and outbox.provider_id is null`)
}
