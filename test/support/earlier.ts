/** A database as an earlier version left it: with the migrations before `name` only, and none of the others. */
import { cpSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll } from "vitest"
import { migrate, type Opened } from "../../src/db/migrate.ts"
import { testDatabase } from "./database.ts"
import { testDir } from "./dir.ts"

const FOLDER = join(import.meta.dirname, "../../drizzle")

/** `name` as a migration's folder is called, without its time. */
export async function databaseBefore(name: string): Promise<Opened> {
  const { db, drop } = await testDatabase()
  const { dir, remove } = testDir()
  afterAll(async () => {
    await drop()
    remove()
  })
  const folders = readdirSync(FOLDER).sort()
  const at = folders.findIndex((folder) => folder.endsWith(`_${name}`))
  if (at < 0) throw new Error(`there is no migration ${name}`)
  for (const folder of folders.slice(0, at)) cpSync(join(FOLDER, folder), join(dir, folder), { recursive: true })
  for (const text of ["drop schema public cascade", "drop schema drizzle cascade", "create schema public"])
    await db.raw(text)
  await migrate(db, dir)
  return db
}
