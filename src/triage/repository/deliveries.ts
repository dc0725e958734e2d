/** Deliveries: which of GitHub's webhooks reached the inbox, by the name that GitHub gives each of them. */
import { sql } from "drizzle-orm"
import type { Db } from "../../db/db.ts"
import { anyOf } from "../../db/sql.ts"

/** GitHub delivers again what is at most three days old; a little more, since clocks differ. */
const KEPT = sql`interval '4 days'`

/**
 * Of `guids` (`X-GitHub-Delivery`), those that are in the inbox, be it as an issue or as a note that something came.
 * @param now what is four days older than this is not looked at.
 */
export async function arrived(db: Db, guids: readonly string[], now: Date): Promise<Set<string>> {
  if (guids.length === 0) return new Set()
  const notes = guids.map((guid) => `delivery:${guid}`)
  const rows = await db.query<{ guid: string }>(sql`
    select coalesce(payload ->> 'delivery', substr(external_id, 10)) as guid from inbox
    where source = 'github' and received_at > ${now}::timestamptz - ${KEPT}
      and (external_id = ${anyOf(notes)} or payload ->> 'delivery' = ${anyOf(guids)})`)
  return new Set(rows.map(({ guid }) => guid))
}
