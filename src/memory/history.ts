/** History: looks memories up by id, by scope and by kind, without a question. */
import { type SQL, sql } from "drizzle-orm"
import type { Db } from "../db/db.ts"
import { anyOf } from "../db/sql.ts"
import type { Memory, StoredMemory } from "./memory.ts"

const COLUMNS = sql`id, scope, kind, text, label, sources, valid_from as "validFrom", valid_to as "validTo",
  recorded_at as "recordedAt", superseded_by as "supersededBy", pinned, importance`

/** True for a current memory: neither closed nor retracted. It is the predicate of the partial index. */
export const CURRENT: SQL = sql`retracted_at is null and valid_to is null`

export function createHistory(db: Db): Pick<Memory, "get" | "list" | "pinned"> {
  return {
    async get(scope, id) {
      const [row] = await db.query<StoredMemory>(sql`
        select ${COLUMNS} from memories where id = ${id}::bigint and scope = ${scope} and retracted_at is null`)
      return row ?? null
    },
    list(scopes, { limit, kind, before }) {
      return db.query<StoredMemory>(sql`
        select ${COLUMNS} from memories
        where scope = ${anyOf(scopes)} and ${CURRENT} and kind = coalesce(${kind ?? null}::text, kind)
          and id < coalesce(${before ?? null}::bigint, ${Number.MAX_SAFE_INTEGER}::bigint)
        order by id desc limit ${limit}::int`)
    },
    pinned(scopes) {
      return db.query<StoredMemory>(sql`
        select ${COLUMNS} from memories where scope = ${anyOf(scopes)} and ${CURRENT} and pinned
        order by importance desc, id desc`)
    },
  }
}
