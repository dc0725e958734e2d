/**
 * Quiet hours of people: what is not urgent waits for their morning, looked at in the moment of sending. An answer to a
 * person who is awake, having just written, always goes.
 */
import { sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"
import { type Quiet, quietUntil } from "../../schedule/recurrence/quiet.ts"
import type { TakenMessage } from "./outbox.ts"

/** How long after their own words a person is taken to be awake. */
const AWAKE_MS = 10 * 60_000

export async function quietOf(tx: Tx, personId: string): Promise<Quiet> {
  const [row] = await tx.query<Quiet>(sql`select zone, quiet_hours as hours from people where id = ${personId}::uuid`)
  return row ?? { zone: null, hours: null }
}

/** @param hours as `readQuiet` gives them. */
export async function setQuiet(tx: Tx, personId: string, hours: string): Promise<void> {
  await tx.query(sql`update people set quiet_hours = ${hours} where id = ${personId}::uuid`)
}

/** Until when a message waits; null when it may go now. */
export async function heldUntil(tx: Tx, message: TakenMessage, now: Date): Promise<Date | null> {
  if (message.urgency === "due" || message.quiet === null) return null
  const until = quietUntil(now, message.quiet)
  if (until === null || message.urgency === "notice") return until
  const prompted = await promptedAt(tx, message)
  return prompted !== null && now.getTime() - prompted.getTime() <= AWAKE_MS ? null : until
}

/** When the person last said something that this message comes of: the run's messages, or an answer to its approvals. */
async function promptedAt(tx: Tx, { runId, createdAt }: TakenMessage): Promise<Date | null> {
  if (runId === null) return createdAt
  const [row] = await tx.query<{ at: Date | null }>(sql`
    select greatest(
      (select max(received_at) from inbox where run_id = ${runId}::uuid and kind in ('message', 'command')),
      (select max(answered_at) from approvals where run_id = ${runId}::uuid)) as at`)
  return row?.at ?? null
}
