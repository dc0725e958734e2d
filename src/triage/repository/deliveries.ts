/** Deliveries: which webhook calls of GitHub reached the inbox, by the id that GitHub gives to each. */
import { sql } from "drizzle-orm"
import type { Db } from "../../db/db.ts"
import { anyOf } from "../../db/sql.ts"

/** GitHub repeats a delivery that is at most three days old. One day more, because clocks differ. */
const KEPT = sql`interval '4 days'`

/**
 * The ones of `guids` (`X-GitHub-Delivery`) that are in the inbox, as an issue or as a note that a delivery came.
 * @param now events that came more than four days before it are not read.
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
