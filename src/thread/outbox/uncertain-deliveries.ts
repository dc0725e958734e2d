/**
 * Uncertain deliveries: messages of which nobody knows whether they arrived, since whoever sent them died or lost the answer, and the provider
 * cannot say. They are never sent again by themselves any more; the owner sees them and says what becomes of each.
 */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"

export interface UncertainDelivery {
  id: string
  threadId: string
  channel: ChannelId
  text: string
  /** Why nobody knows. */
  reason: string
  createdAt: Date
  runId: string | null
}

/** `yes`: it arrived. `again`: send it once more. `no`: leave it, it is not needed any more. */
export type UncertainVerdict = "yes" | "again" | "no"

const MOST = 100

/** Oldest first. */
export function uncertainDeliveries(tx: Tx): Promise<UncertainDelivery[]> {
  return tx.query<UncertainDelivery>(sql`
    select id, thread_id as "threadId", channel, body ->> 'text' as text, coalesce(error ->> 'message', error ->> 'code', '') as reason,
      created_at as "createdAt", run_id as "runId"
    from outbox where state = 'uncertain' order by seq limit ${MOST}`)
}

/** Returns the thread; null when the message is not uncertain any more. Parts that surely arrived are not sent again. */
export async function settleUncertain(
  tx: Tx,
  id: string,
  verdict: UncertainVerdict,
  now: Date,
): Promise<string | null> {
  const state = { yes: "sent", again: "pending", no: "failed" }[verdict]
  const error = verdict === "no" ? { code: "left", message: "the owner left it" } : null
  const [row] = await tx.query<{ threadId: string }>(sql`
    update outbox set state = ${state}, error = ${json(error)}, next_at = ${now}::timestamptz,
      attempts = case when ${verdict} = 'again' then 0 else attempts end, maybe_sent = maybe_sent and ${verdict} <> 'again',
      sent_at = case when ${verdict} = 'yes' then ${now}::timestamptz else sent_at end
    where id = ${id}::uuid and state = 'uncertain' returning thread_id as "threadId"`)
  return row?.threadId ?? null
}
