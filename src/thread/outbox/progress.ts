/**
 * Progress: which message of ours says on a chat that a run is at work. Written down as soon as it was sent, so that whoever
 * lives on after a crash goes on with it, and takes it back once the run's answer has been sent.
 */
import { sql } from "drizzle-orm"
import { z } from "zod"
import type { ChannelId } from "../../channels/channel.ts"
import type { Db } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"

const NAMESPACE = "progress"

const stored = z.object({
  channel: z.string().transform((id) => id as ChannelId),
  target: z.string(),
  providerId: z.string(),
  runId: z.string(),
})

export type ProgressLine = z.infer<typeof stored>

export interface ProgressLines {
  /** Null when the thread has none. */
  get(threadId: string): Promise<ProgressLine | null>
  /** One a thread: the new one takes the place of the old. */
  keep(threadId: string, line: ProgressLine): Promise<void>
  /** Of runs that are not at work any more and have nothing left to send; oldest first. */
  over(): Promise<(ProgressLine & { threadId: string })[]>
  /** Forgets this very line; one that took its place stays. */
  forget(threadId: string, line: ProgressLine): Promise<void>
}

export function createProgressLines({ db, kv }: { db: Db; kv: Kv }): ProgressLines {
  return {
    async get(threadId) {
      return stored.safeParse((await kv.get(NAMESPACE, threadId))?.value).data ?? null
    },
    async keep(threadId, line) {
      await kv.set(db, NAMESPACE, threadId, line)
    },
    async over() {
      const rows = await db.query<{ threadId: string; line: unknown }>(sql`
        select key as "threadId", value as line from kv
        where namespace = ${NAMESPACE}
          and not exists (select 1 from runs where runs.id = (value ->> 'runId')::uuid and state = 'running')
          and not exists (select 1 from outbox where run_id = (value ->> 'runId')::uuid
            and state in ('pending', 'sending') and held_until is null)
        order by updated_at limit 20`)
      return rows.map(({ threadId, line }) => ({ threadId, ...stored.parse(line) }))
    },
    async forget(threadId, { channel, providerId, runId }) {
      await db.query(sql`
        delete from kv where namespace = ${NAMESPACE} and key = ${threadId} and value ->> 'channel' = ${channel}
          and value ->> 'providerId' = ${providerId} and value ->> 'runId' = ${runId}`)
    },
  }
}
