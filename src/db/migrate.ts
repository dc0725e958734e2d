/**
 * Migrate: brings a database to this code's schema, under a lock, so that any number of processes may boot at once.
 * What is current already costs one query and loads nothing.
 */
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { sql } from "drizzle-orm"
import { Misconfigured } from "../base/errors.ts"
import type { Db } from "./db.ts"
import type { openPglite } from "./embedded/pglite.ts"
import type { openPostgres } from "./postgres.ts"

const FOLDER = fileURLToPath(new URL("../../drizzle", import.meta.url))
/** Any number that nothing else uses: "vigil" read as base 36. */
const LOCK_KEY = 52_845_213

/** Name of the newest migration that this code carries. */
export function codeSchema(folder: string = FOLDER): string {
  return (
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort()
      .at(-1) ?? ""
  )
}

/** Name of the newest migration applied to `db`; null when there is none yet. */
export async function databaseSchema(db: Db): Promise<string | null> {
  const [table] = await db.query<{ found: string | null }>(
    sql`select to_regclass('drizzle.__drizzle_migrations')::text as found`,
  )
  if (!table?.found) return null
  const [row] = await db.query<{ name: string }>(
    sql`select name from drizzle.__drizzle_migrations order by created_at desc, id desc limit 1`,
  )
  return row?.name ?? null
}

/**
 * Applies what is missing. Throws `Misconfigured` when the database is newer than this code.
 * @param folder of the migrations, when they are not this code's: a test makes the database of an earlier version.
 */
export async function migrate(db: Opened, folder: string = FOLDER): Promise<void> {
  const wanted = codeSchema(folder)
  const found = await databaseSchema(db)
  if (found === wanted) return
  if (found !== null && found > wanted) {
    throw new Misconfigured(`the database has schema ${found}, newer than this code's ${wanted}`, {
      code: "schema_newer",
      fix: "start the newer version of Vigil, or restore a backup made by this one",
    })
  }
  if ("pglite" in db) {
    const [{ drizzle }, { migrate: apply }] = await Promise.all([
      import("drizzle-orm/pglite"),
      import("drizzle-orm/pglite/migrator"),
    ])
    await apply(drizzle({ client: db.pglite }), { migrationsFolder: folder })
  } else await migratePostgres(db, folder)
}

export type Opened = Awaited<ReturnType<typeof openPglite>> | ReturnType<typeof openPostgres>

async function migratePostgres(db: ReturnType<typeof openPostgres>, folder: string): Promise<void> {
  const [{ drizzle }, { migrate: apply }, { connectTo }] = await Promise.all([
    import("drizzle-orm/postgres-js"),
    import("drizzle-orm/postgres-js/migrator"),
    import("./postgres.ts"),
  ])
  // One connection of its own: the advisory lock belongs to it, and goes with it should this process die.
  const client = connectTo(db.url, { max: 1 })
  try {
    await client`select pg_advisory_lock(${LOCK_KEY})`
    await apply(drizzle({ client }), { migrationsFolder: folder })
  } finally {
    await client.end({ timeout: 5 })
  }
}
