/** Kv: small named values (preferences, flags, cursors), each with a version and perhaps an end. An expired value is absent. */
import { sql } from "drizzle-orm"
import type { Clock } from "../base/clock.ts"
import type { Db, Tx } from "./db.ts"
import { json } from "./sql.ts"

export interface KvEntry {
  key: string
  /** JSON, as it was set: parse it before use. */
  value: unknown
  /** 1 at first, and one more with each write. */
  version: number
  updatedAt: Date
  expiresAt: Date | null
}

export interface KvSetting {
  expiresAt?: Date
  /** Writes only over this version; 0: only when absent. */
  ifVersion?: number
}

export interface Kv {
  /** @param via the open transaction, when there is one. */
  get(namespace: string, key: string, via?: Tx): Promise<KvEntry | null>
  /** Returns the new version, or null when `ifVersion` was not the one found. */
  set(tx: Tx, namespace: string, key: string, value: unknown, setting?: KvSetting): Promise<number | null>
  /** Whether it was there. */
  delete(tx: Tx, namespace: string, key: string): Promise<boolean>
  /** By key. */
  list(namespace: string): Promise<KvEntry[]>
}

const COLUMNS = sql`key, value, version, updated_at as "updatedAt", expires_at as "expiresAt"`

export function createKv({ db, clock }: { db: Db; clock: Clock }): Kv {
  const live = () => sql`(expires_at is null or expires_at > ${clock.now()}::timestamptz)`
  return {
    async get(namespace, key, via = db) {
      const [row] = await via.query<KvEntry>(sql`
        select ${COLUMNS} from kv where namespace = ${namespace} and key = ${key} and ${live()}`)
      return row ?? null
    },
    async set(tx, namespace, key, value, { expiresAt, ifVersion } = {}) {
      const now = clock.now()
      const wanted = sql`${ifVersion ?? null}::int`
      const [row] = await tx.query<{ version: number }>(sql`
        insert into kv (namespace, key, value, updated_at, expires_at)
        select ${namespace}, ${key}, ${json(value)}, ${now}::timestamptz, ${expiresAt ?? null}::timestamptz
        where coalesce(${wanted}, 0) = 0 or exists (select 1 from kv where namespace = ${namespace} and key = ${key})
        on conflict (namespace, key) do update
          set value = excluded.value, version = kv.version + 1, updated_at = excluded.updated_at, expires_at = excluded.expires_at
          where ${wanted} is null or ${wanted} = case when kv.expires_at <= ${now}::timestamptz then 0 else kv.version end
        returning version`)
      return row?.version ?? null
    },
    async delete(tx, namespace, key) {
      const gone = await tx.query(
        sql`delete from kv where namespace = ${namespace} and key = ${key} and ${live()} returning key`,
      )
      return gone.length > 0
    },
    list(namespace) {
      return db.query<KvEntry>(sql`select ${COLUMNS} from kv where namespace = ${namespace} and ${live()} order by key`)
    },
  }
}
