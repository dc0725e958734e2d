/** Traffic: what went through each channel, and what is stuck, for whoever looks after it. */
import { sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"

export interface Traffic {
  channel: string
  lastInAt: Date | null
  lastOutAt: Date | null
  /** Messages that are still to be sent. */
  waiting: number
  /** Of the last seven days. */
  failed: number
}

const WEEK_MS = 7 * 24 * 3_600_000

/** Channels nothing ever went through are not listed. */
export async function trafficOf(tx: Tx, now: Date): Promise<Traffic[]> {
  const since = new Date(now.getTime() - WEEK_MS)
  const rows = await tx.query<Traffic & { lastInAt: Date | string | null; lastOutAt: Date | string | null }>(sql`
    select coalesce(came.channel, went.channel) as channel, came.at as "lastInAt", went.at as "lastOutAt",
      coalesce(waiting, 0) as waiting, coalesce(failed, 0) as failed
    from (
      select channel, max(received_at) as at from inbox join threads on threads.id = thread_id group by channel
    ) came full join (
      select channel, max(sent_at) as at, (count(*) filter (where state in ('pending', 'sending')))::int as waiting,
        (count(*) filter (where state = 'failed' and created_at > ${since}::timestamptz))::int as failed
      from outbox group by channel
    ) went on went.channel = came.channel order by 1`)
  return rows.map((row) => ({ ...row, lastInAt: dateOf(row.lastInAt), lastOutAt: dateOf(row.lastOutAt) }))
}

const dateOf = (value: Date | string | null): Date | null => (value === null ? null : new Date(value))
