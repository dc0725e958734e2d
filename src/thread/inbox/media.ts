/**
 * Media: the files people sent, by the SHA-256 of their bytes. The same file is kept once; none is kept longer than thirty
 * days after it last came, and all together take no more than their share of the database.
 */
import { createHash } from "node:crypto"
import { type SQL, sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Fence } from "../../journal/journal.ts"
import { fenced } from "../../journal/journal.ts"

export const KEEP_DAYS = 30
/** Bytes of all files together; the oldest go first. */
export const KEEP_BYTES = 500_000_000
const LOOK_MS = 3_600_000

/** What names a kept file where an attachment has the channel's own reference. */
export const refTo = (hash: string): string => `kept:${hash}`
export const hashIn = (ref: string): string | null => /^kept:([0-9a-f]{64})$/.exec(ref)?.[1] ?? null

export interface KeptMedia {
  /** Hex SHA-256 of the bytes. */
  hash: string
  type: string
  size: number
}

export interface MediaStore {
  keep(file: { bytes: Uint8Array; type: string; inboxId?: string }): Promise<KeptMedia>
  /** Null when it was never here, or was dropped by now. */
  load(hash: string): Promise<{ bytes: Uint8Array; type: string } | null>
  /** Drops what is over its time or its share; looks once an hour. */
  sweep(): Promise<void>
}

export function createMediaStore({ db, clock }: { db: Db; clock: Clock }): MediaStore {
  let lookedAt = Number.NEGATIVE_INFINITY
  return {
    async keep({ bytes, type, inboxId }) {
      const hash = createHash("sha256").update(bytes).digest("hex")
      await db.query(sql`
        insert into media (sha256, bytes, type, size, inbox_id, kept_at)
        values (${hash}, ${bytes}::bytea, ${type}, ${bytes.length}::int, ${inboxId ?? null}::uuid, ${clock.now()}::timestamptz)
        on conflict (sha256) do update set kept_at = excluded.kept_at, type = excluded.type, inbox_id = coalesce(excluded.inbox_id, media.inbox_id)`)
      return { hash, type, size: bytes.length }
    },
    async load(hash) {
      const [row] = await db.query<{ bytes: Uint8Array; type: string }>(
        sql`select bytes, type from media where sha256 = ${hash}`,
      )
      return row ?? null
    },
    async sweep() {
      const now = clock.now()
      if (Math.abs(now.getTime() - lookedAt) < LOOK_MS) return
      lookedAt = now.getTime()
      await db.query(sql`
        with ranked as (select sha256, kept_at, sum(size) over (order by kept_at desc, sha256) as until_here from media)
        delete from media using ranked where media.sha256 = ranked.sha256
          and (ranked.kept_at < ${now}::timestamptz - make_interval(days => ${KEEP_DAYS}) or ranked.until_here > ${KEEP_BYTES}::bigint)`)
    },
  }
}

/** Puts what a message turned out to say where people and later turns read it. A stale worker changes nothing. */
export async function rewriteMessage(tx: Tx, fence: Fence, inboxId: string, text: string): Promise<void> {
  const held: SQL = fenced(fence)
  await tx.query(sql`
    with held as (${held})
    update inbox set payload = jsonb_set(payload, '{text}', to_jsonb(${text}::text))
    from held where inbox.id = ${inboxId}::uuid and inbox.thread_id = held.id`)
}
