/**
 * Boss: pg-boss on this installation's database, through the very driver that the rest of the process has: inside PGlite, or
 * over the pool to Postgres. So a broken connection is handled once, and there are as many connections as the pool says.
 */
import { type ConstructorOptions, fromPglite, PgBoss } from "pg-boss"
import type { Db } from "../db/db.ts"
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
  return new PgBoss({ ...shared, db: onPool(db), backend: options.backend })
}

/** What pg-boss must have done as one is a script of several statements in such a frame. */
const SCRIPT = /^\s*BEGIN;([\s\S]*)\bCOMMIT;\s*$/

/** A script gets a connection of its own until it is over; sent to the pool as it is, its `BEGIN` would be refused. */
function onPool(db: Db): NonNullable<ConstructorOptions["db"]> {
  return {
    async executeSql(text, values) {
      const script = SCRIPT.exec(text)?.[1]
      return { rows: await (script ? db.transaction((tx) => tx.raw(script)) : db.raw(text, values)) }
    },
  }
}
