/** Places: databases for one measurement, opened as the product opens them, and gone after it. */
import type { Opened } from "../../src/db/migrate.ts"
import { openDb } from "../../src/db/open.ts"
import { testDatabase } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { NoPostgres } from "../support/postgres.ts"

/** Embedded, on disk. */
export async function onDisk<T>(use: (db: Opened) => Promise<T>): Promise<T> {
  const { dir, remove } = testDir()
  const db = await openDb({ dataDir: dir, now: new Date() })
  try {
    return await use(db)
  } finally {
    await db.close()
    remove()
  }
}

/** Null where no Postgres can be had. */
export async function onPostgres<T>(use: (db: Opened, url: string) => Promise<T>): Promise<T | null> {
  try {
    const { db, url, drop } = await testDatabase("postgres")
    try {
      return await use(db, url)
    } finally {
      await drop()
    }
  } catch (error) {
    if (error instanceof NoPostgres) return null
    throw error
  }
}
