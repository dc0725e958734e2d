/**
 * Throttle: keeps messages within the rate limits of their provider. It only says when a message may go. A message that must
 * wait goes back into the outbox, occupies no worker and keeps its place in its thread. The count stands in the database, one
 * row for each limit, because all workers together must keep to it.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import type { Channel, ChannelId, Outgoing, RateLimit } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"

export interface Throttle {
  /** Null: the message is counted and may be sent now. Else the time to ask again; then nothing was counted. */
  admit(channel: Channel, message: Pick<Outgoing, "target" | "text" | "plain" | "brief" | "done">): Promise<Date | null>
}

export interface ThrottleDeps {
  db: Tx
  clock: Clock
  /** Units a minute for a whole channel (SMS counts segments), instead of the provider's default. */
  perMinute?: Partial<Record<ChannelId, number>>
}

const NAMESPACE = "pace"
/** How long the row of an unused limit is kept. */
const KEEP_MS = 3600_000

export function createThrottle({ db, clock, perMinute = {} }: ThrottleDeps): Throttle {
  return {
    async admit(channel, message) {
      const ownPace = perMinute[channel.id]
      const byProvider = channel.rateLimits?.(message) ?? []
      const rateLimits =
        ownPace === undefined
          ? byProvider
          : [...byProvider.filter(({ key }) => key !== "all"), overall(ownPace, byProvider)]
      if (rateLimits.length === 0) return null
      const now = clock.now()
      const waitMs = await charge(db, channel.id, rateLimits, now)
      return waitMs > 0 ? new Date(now.getTime() + Math.ceil(waitMs)) : null
    },
  }
}

/** A limit of `perMinute` units in any minute: a third of them may go at once, the others are spread over the minute. */
function overall(perMinute: number, byProvider: RateLimit[]): RateLimit {
  const burst = Math.max(1, Math.floor(perMinute / 3))
  const everyMs = 60_000 / Math.max(1, perMinute - burst)
  return { key: "all", burst, everyMs, units: byProvider.find(({ key }) => key === "all")?.units ?? 1 }
}

/**
 * Takes the message's units from every limit and returns 0, or takes nothing and returns the milliseconds until all limits
 * have room. The value of a limit is the moment at which it is full again, in milliseconds since the epoch (the generic cell
 * rate algorithm). A message larger than a burst goes when the limit is full, and the messages after it wait for all of its
 * units. Two messages that meet on a limit without a row may both be taken as the first, since there is no row to lock.
 */
async function charge(db: Tx, channel: ChannelId, rateLimits: RateLimit[], now: Date): Promise<number> {
  const requested = rateLimits.map(({ key, burst, everyMs, units }) => ({
    key: `${channel}:${key}`,
    room: (burst - Math.min(units, burst)) * everyMs,
    cost: units * everyMs,
  }))
  const [row] = await db.query<{ wait: number }>(sql`
    with requested as (
      select * from jsonb_to_recordset(${json(requested)}) as a(key text, room float8, cost float8)
    ), held as (
      -- The limits as they stand, locked in the order of their keys: two messages can then never wait for each other.
      select key, (value #>> '{}')::float8 as whole from kv
      where namespace = ${NAMESPACE} and key in (select key from requested) order by key for update
    ), judged as (
      -- A limit that is full, or has no row yet, counts from now on.
      select requested.*, greatest(coalesce(held.whole, 0), ${now.getTime()}::float8) as since
      from requested left join held using (key)
    ), verdict as (
      -- The limit with the least room decides, because a message uses all of its limits or none.
      select max(since - ${now.getTime()}::float8 - room) as wait from judged
    ), taken as (
      -- Only a message that need not wait is counted.
      insert into kv (namespace, key, value, updated_at, expires_at)
      select ${NAMESPACE}, key, to_jsonb(since + cost), ${now}::timestamptz, ${new Date(now.getTime() + KEEP_MS)}::timestamptz
      from judged where (select wait from verdict) <= 0
      on conflict (namespace, key) do update
        set value = excluded.value, version = kv.version + 1, updated_at = excluded.updated_at, expires_at = excluded.expires_at
    )
    select wait from verdict`)
  return row?.wait ?? 0
}
