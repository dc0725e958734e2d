/** Moves: a chat that has another id from now on keeps its conversations, and what waits to be sent goes where it is now. */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"

/**
 * `from` and `to` are targets without a topic; the topics of the chat move with it. A conversation that began under the
 * new id stays its own: the old one is answered there, and the next words go to the new one.
 */
export async function moveChat(tx: Tx, channel: ChannelId, from: string, to: string): Promise<void> {
  const isThere = sql`channel = ${channel} and (target = ${from} or starts_with(target, ${`${from}:`}))`
  const moved = sql`${to}::text || substr(target, ${from.length + 1}::int)`
  await tx.query(sql`
    with here as (
      select id, ${moved} as target, left(key, length(key) - length(target)) || ${moved} as key
      from threads where ${isThere} and right(key, length(target)) = target
    ), waiting as (
      update outbox set target = ${moved} where ${isThere} and state = 'pending'
    )
    update threads set target = here.target,
      key = case when exists (select 1 from threads taken where taken.key = here.key) then threads.key else here.key end
    from here where threads.id = here.id`)
}
