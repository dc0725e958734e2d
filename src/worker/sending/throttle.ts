/**
 * Throttle: never faster than a provider takes messages. It only says when a message may go: whoever waits is put back into the
 * outbox, holds nothing and keeps its place in its thread. Counted in the database, one row a limit, so that any number of
 * workers together keep to it.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import type { Channel, ChannelId, Outgoing, RateLimit } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"

export interface Throttle {
  /** Null: it is counted, send it now. Else when to ask again. */
  admit(channel: Channel, message: Pick<Outgoing, "target" | "text" | "plain" | "brief" | "done">): Promise<Date | null>
}

export interface ThrottleDeps {
  db: Tx
  clock: Clock
  /** Units a minute over a whole channel (segments for SMS), in place of what its provider allows by default. */
  perMinute?: Partial<Record<ChannelId, number>>
}

const NAMESPACE = "pace"
/** A limit that nobody used for so long is forgotten by the next who waits for nothing. */
const KEEP_MS = 3600_000

export function createThrottle({ db, clock, perMinute = {} }: ThrottleDeps): Throttle {
  return {
    async admit(channel, message) {
      const given = perMinute[channel.id]
      const known = channel.rateLimits?.(message) ?? []
      const rateLimits =
        given === undefined ? known : [...known.filter(({ key }) => key !== "all"), overall(given, known)]
      if (rateLimits.length === 0) return null
      const now = clock.now()
      const waitMs = await charge(db, channel.id, rateLimits, now)
      return waitMs > 0 ? new Date(now.getTime() + Math.ceil(waitMs)) : null
    },
  }
}

/** So that no minute sees more: a third of them at once, the others spread over it. */
function overall(perMinute: number, known: RateLimit[]): RateLimit {
  const burst = Math.max(1, Math.floor(perMinute / 3))
  const everyMs = 60_000 / Math.max(1, perMinute - burst)
  return { key: "all", burst, everyMs, units: known.find(({ key }) => key === "all")?.units ?? 1 }
}

/**
 * Takes the units from every limit, or from none: then milliseconds until all of them have room. The value of a limit is the
 * moment at which it is whole again (the generic cell rate algorithm). A message larger than a burst goes when the limit is
 * whole, and those after it wait for all of it. Two that meet on a limit nobody used yet may both be first.
 */
async function charge(db: Tx, channel: ChannelId, rateLimits: RateLimit[], now: Date): Promise<number> {
  const asked = rateLimits.map(({ key, burst, everyMs, units }) => ({
    key: `${channel}:${key}`,
    room: (burst - Math.min(units, burst)) * everyMs,
    cost: units * everyMs,
  }))
  const [row] = await db.query<{ wait: number }>(sql`
    with asked as (
      select * from jsonb_to_recordset(${json(asked)}) as a(key text, room float8, cost float8)
    ), held as (
      select key, (value #>> '{}')::float8 as whole from kv
      where namespace = ${NAMESPACE} and key in (select key from asked) order by key for update
    ), judged as (
      select asked.*, greatest(coalesce(held.whole, 0), ${now.getTime()}::float8) as since from asked left join held using (key)
    ), verdict as (
      select max(since - ${now.getTime()}::float8 - room) as wait from judged
    ), taken as (
      insert into kv (namespace, key, value, updated_at, expires_at)
      select ${NAMESPACE}, key, to_jsonb(since + cost), ${now}::timestamptz, ${new Date(now.getTime() + KEEP_MS)}::timestamptz
      from judged where (select wait from verdict) <= 0
      on conflict (namespace, key) do update
        set value = excluded.value, version = kv.version + 1, updated_at = excluded.updated_at, expires_at = excluded.expires_at
    )
    select wait from verdict`)
  return row?.wait ?? 0
}
