/**
 * Db: one SQL surface over two drivers (postgres.js and PGlite). A statement is a drizzle `sql` template; rows come
 * back as plain objects in both. Types are the same in both: int8 is a number, timestamps are Dates, jsonb is parsed.
 */
import type { SQL } from "drizzle-orm"

/** Anything that can run a statement: the database itself (each its own commit) or an open transaction. */
export interface Tx {
  /** Runs one statement and returns its rows as `Row`, which the caller states from the statement it wrote. */
  query<Row extends object = Record<string, unknown>>(statement: SQL): Promise<Row[]>
  /** Runs one statement of already numbered SQL; for libraries that write their own (pg-boss). */
  raw(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>
}

export interface Db extends Tx {
  readonly kind: "postgres" | "pglite"
  /**
   * Runs `work` in one transaction; a throw rolls back. On PGlite there is one connection: inside, use only the
   * `tx` given, since a query on `Db` would wait for this very transaction.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs a script of several statements, without parameters, as one transaction. */
  script(text: string): Promise<void>
  /** Calls `hear` for each NOTIFY on `channel` until the returned function is called. */
  listen(channel: string, hear: (payload: string) => void): Promise<() => Promise<void>>
  close(): Promise<void>
}
