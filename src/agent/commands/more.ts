/** More: the rest of an answer that was too long for one text. It is read from what was sent, so nothing is kept for it. */
import { sql } from "drizzle-orm"
import { restOf } from "../../channels/sms/send.ts"
import type { Tx } from "../../db/db.ts"
import type { ChatCommand } from "./commands.ts"

const NOTHING = "That was all."

export function moreCommand(db: Tx): ChatCommand {
  return {
    name: "more",
    help: "the rest of a long answer, by SMS",
    answersPlain: true,
    run: async ({ thread }) => (thread.channel === "sms" ? ((await restSaid(db, thread.id)) ?? NOTHING) : NOTHING),
  }
}

/** What is left of the last answer of a thread. */
async function restSaid(db: Tx, threadId: string): Promise<string | null> {
  const [last] = await db.query<{ target: string; text: string; plain: boolean | null }>(sql`
    select target, body ->> 'text' as text, (body ->> 'plain')::boolean as plain from outbox
    where thread_id = ${threadId} and urgency = 'reply' and body -> 'buttons' is null order by seq desc limit 1`)
  if (last === undefined) return null
  const { target, text, plain } = last
  return restOf({ target, text, ...(plain === true ? { plain } : {}) }) || null
}
