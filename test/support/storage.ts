/**
 * Storage: a data directory and the database of processes under test: one Postgres for all of them, or PGlite in the
 * directory, which one process has at a time.
 */
import { join } from "node:path"
import type { Db } from "../../src/db/db.ts"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { type DatabaseKind, image, testDatabase } from "./database.ts"
import { testDir } from "./dir.ts"

export interface Storage {
  dir: string
  /** On Postgres the address of the database; else empty. */
  url: string
  /** Settings of a process; those that have names have a directory each, but share an embedded database. */
  env(name?: string): Record<string, string>
  /** The database while processes run; null where only one process can have it. */
  live: Db | null
  /** The database after the last process. */
  open(): Promise<Db>
  remove(): Promise<void>
}

/** @param prepare fills the database before the first process. Without it an embedded one is made by its first start. */
export async function openStorage(kind: DatabaseKind, prepare?: (db: Db) => Promise<void>): Promise<Storage> {
  return kind === "postgres" ? await onPostgres(prepare) : await embedded(prepare)
}

async function onPostgres(prepare?: (db: Db) => Promise<void>): Promise<Storage> {
  const { dir, remove } = testDir()
  const { db, url, drop } = await testDatabase("postgres")
  await prepare?.(db)
  return {
    dir,
    url,
    env: (name = "") => ({ DATA_DIR: join(dir, name), DATABASE_URL: url }),
    live: db,
    open: async () => db,
    async remove() {
      await drop()
      remove()
    },
  }
}

async function embedded(prepare?: (db: Db) => Promise<void>): Promise<Storage> {
  const { dir, remove } = testDir()
  const path = join(dir, "db")
  if (prepare) {
    const made = await openPglite({ dir: path, image: await image() })
    await prepare(made)
    await made.close()
  }
  let after: Awaited<ReturnType<typeof openPglite>> | undefined
  return {
    dir,
    url: "",
    env: () => ({ DATA_DIR: dir }),
    live: null,
    async open() {
      after ??= await openPglite({ dir: path })
      return after
    },
    async remove() {
      await after?.close()
      remove()
    },
  }
}
