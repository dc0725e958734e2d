/** Due: the statements that take a due automation and move it on; the row stays locked between them, within one transaction. */
import { sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"
import { anyOf } from "../../db/sql.ts"
import type { Settlement } from "./occurrences.ts"

/** Locks the automation that is due the longest, but none of `except`; null when none is, or other workers hold them all. */
export async function lockDue(tx: Tx, now: Date, except: number[]): Promise<number | null> {
  const [row] = await tx.query<{ id: number }>(sql`
    select id from automations
    where state in ('active', 'paused') and next_at <= ${now}::timestamptz and not id = ${anyOf(except.map(String), "bigint")}
    order by next_at, id limit 1 for update skip locked`)
  return row?.id ?? null
}

/** Without a next instant it has ended. */
export async function advance(
  tx: Tx,
  id: number,
  { handledTo, nextAt }: Pick<Settlement, "handledTo" | "nextAt">,
): Promise<void> {
  await tx.query(sql`
    update automations set handled_to = ${handledTo}::timestamptz, next_at = ${nextAt}::timestamptz,
      state = case when ${nextAt === null}::boolean then 'ended' else state end
    where id = ${id}::bigint and state in ('active', 'paused')`)
}
