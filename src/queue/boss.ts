/** Boss: pg-boss on this installation's database: inside PGlite, or on Postgres with a small pool of its own. */
import { fromPglite, PgBoss } from "pg-boss"
import type { Opened } from "../db/migrate.ts"

export type QueueBackend = "postgres" | "citus" | "yugabytedb" | "cockroachdb"

export interface BossOptions {
  backend: QueueBackend
  /** Whether this process takes jobs: it then keeps the queue tidy. */
  worker: boolean
}

export function openBoss(db: Opened, options: BossOptions): PgBoss {
  const shared = { supervise: options.worker, schedule: false }
  if ("pglite" in db) return new PgBoss({ ...shared, db: fromPglite(db.pglite), backend: "pglite" })
  return new PgBoss({
    ...shared,
    connectionString: db.url,
    max: 3,
    application_name: "vigil-queue",
    backend: options.backend,
  })
}
