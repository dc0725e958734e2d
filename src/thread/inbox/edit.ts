/** Edit: a person's change of words that no run has taken yet; what a run has taken is never changed under it. */
import { sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import { WORDS } from "./meaning.ts"

export interface MessageEdit {
  threadKey: string
  /** Of the message, as its channel named it. */
  ref: string
  /** Only the person who wrote it may change it. */
  personId: string
  text: string
}

/**
 * Whether the words were still unread, and are these now. An edit is words and nothing else: it answers no approval. What
 * came with files stays as it was read from them.
 */
export async function applyEdit(tx: Tx, { threadKey, ref, personId, text }: MessageEdit): Promise<boolean> {
  const changed = await tx.query(sql`
    update inbox set payload = payload || ${json({ text, meaning: WORDS })}
    from threads where threads.id = inbox.thread_id and threads.key = ${threadKey} and inbox.state = 'new'
      and inbox.kind = 'message' and inbox.person_id = ${personId}::uuid and payload ->> 'ref' = ${ref}
      and not payload ? 'attachments'
    returning inbox.id`)
  return changed.length > 0
}
