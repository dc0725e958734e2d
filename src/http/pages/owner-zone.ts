/** The owner's zone, for times on pages; UTC until they said it. */
import { sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"
import { OWNER_ID } from "../../thread/people/people.ts"

export async function ownerZone(tx: Tx): Promise<string> {
  const [row] = await tx.query<{ zone: string | null }>(sql`select zone from people where id = ${OWNER_ID}::uuid`)
  return row?.zone ?? "UTC"
}
