/** Unreported: messages that a provider accepted and said nothing of since. What became of them is asked for elsewhere. */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"

export interface Unreported {
  id: string
  channel: ChannelId
  /** Provider ids of the parts. */
  parts: string[]
  sentAt: Date
}

/** Sent after `from` and until `until`, the newest first, at most 500. */
export async function unreported(
  tx: Tx,
  { channels, from, until }: { channels: readonly ChannelId[]; from: Date; until: Date },
): Promise<Unreported[]> {
  const rows = await tx.query<Omit<Unreported, "parts" | "sentAt"> & { providerId: string; sentAt: Date | string }>(sql`
    select id, channel, provider_id as "providerId", sent_at as "sentAt" from outbox
    where state = 'sent' and channel = any(string_to_array(${channels.join(",")}, ',')) and provider_id is not null
      and sent_at > ${from}::timestamptz and sent_at <= ${until}::timestamptz
    order by sent_at desc limit 500`)
  return rows.map(({ providerId, sentAt, ...row }) => ({
    ...row,
    parts: providerId.split(","),
    sentAt: new Date(sentAt),
  }))
}
