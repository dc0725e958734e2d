/** The database of a first boot that was made beforehand. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { makeDatabase, spawnMakeDatabase } from "../../src/db/initdb.ts"
import { codeSchema, databaseSchema } from "../../src/db/migrate.ts"
import { copyPristine, pristineDir } from "../../src/db/pristine.ts"
import { testDir } from "../support/dir.ts"

const PRISTINE = join(import.meta.dirname, "../../src/db/pristine.ts")

let place: ReturnType<typeof testDir>
let pristine: string
beforeAll(async () => {
  place = testDir()
  pristine = join(place.dir, "pristine")
  // What the installation made, where it could.
  if (existsSync(pristineDir())) cpSync(pristineDir(), pristine, { recursive: true })
  else await makeDatabase(pristine)
}, 180_000)
afterAll(() => place.remove())

const pathsIn = (dir: string) => readdirSync(dir, { recursive: true, encoding: "utf8" }).sort()

test("a copy is whole, and on the disk before it has its name", async () => {
  const dir = join(place.dir, "whole")
  const synced: string[] = []
  const made = await copyPristine(dir, pristine, async (path) => {
    expect(existsSync(dir)).toBe(false)
    synced.push(path)
  })
  expect(made).toBe(true)
  expect(pathsIn(dir)).toEqual(pathsIn(pristine))
  expect(synced.toSorted()).toEqual(
    [`${dir}.making`, ...pathsIn(dir).map((path) => join(`${dir}.making`, path))].sort(),
  )
})

test("R3: it is migrated, and no table of ours has a row", async () => {
  const dir = join(place.dir, "empty")
  await copyPristine(dir, pristine)
  const db = await openPglite({ dir })
  expect(await databaseSchema(db)).toBe(codeSchema())
  const tables = await db.query<{ name: string }>(
    sql`select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public'`,
  )
  expect(tables.length).toBeGreaterThan(20)
  for (const { name } of tables)
    expect(await db.query(sql`select ${name} as name, count(*) as rows from ${sql.raw(name)}`)).toEqual([
      { name, rows: 0 },
    ])
  await db.close()
})

test.skipIf(!existsSync(pristineDir()))("what the installation made can be read by every account", () => {
  const closed = pathsIn(pristineDir()).filter((path) => (statSync(join(pristineDir(), path)).mode & 0o044) !== 0o044)
  expect(closed).toEqual([])
})

test("a copy that is killed half-way leaves no database, and the next one is whole", async () => {
  const dir = join(place.dir, "killed")
  const program = `const { copyPristine } = await import(${JSON.stringify(PRISTINE)})
    await copyPristine(${JSON.stringify(dir)}, ${JSON.stringify(pristine)}, () => new Promise((resolve) => setTimeout(resolve, 60_000)))`
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore" })
  await expect.poll(() => existsSync(`${dir}.making/PG_VERSION`)).toBe(true)
  child.kill("SIGKILL")
  await once(child, "exit")
  expect(existsSync(dir)).toBe(false)
  expect(await copyPristine(dir, pristine)).toBe(true)
  expect(pathsIn(dir)).toEqual(pathsIn(pristine))
  expect(existsSync(`${dir}.making`)).toBe(false)
})

test("R1: a change of a migration or of PGlite makes another one needed; where there is none nothing is copied", async () => {
  const root = join(place.dir, "root")
  const packages = ["@electric-sql/pglite", "@electric-sql/pglite-pgvector", "pg-boss"].map(
    (name) => `node_modules/${name}/package.json`,
  )
  for (const path of packages) {
    mkdirSync(join(root, path, ".."), { recursive: true })
    cpSync(join(import.meta.dirname, "../..", path), join(root, path))
  }
  cpSync(join(import.meta.dirname, "../../drizzle"), join(root, "drizzle"), { recursive: true })
  const before = pristineDir(root)
  expect(before).toBe(pristineDir().replace(join(import.meta.dirname, "../.."), root))
  mkdirSync(join(root, "drizzle/99990101000000_next"))
  writeFileSync(join(root, "drizzle/99990101000000_next/migration.sql"), "select 1")
  const migrated = pristineDir(root)
  const [pglite = ""] = packages
  writeFileSync(
    join(root, pglite),
    readFileSync(join(root, pglite), "utf8").replace(/"version": "[^"]+"/, '"version": "9.9.9"'),
  )
  expect(new Set([before, migrated, pristineDir(root)]).size).toBe(3)
  expect(await copyPristine(join(place.dir, "none"), migrated)).toBe(false)
  expect(existsSync(join(place.dir, "none"))).toBe(false)
})

test("where it must be made at first boot, a want of memory is named", async () => {
  const killed = join(place.dir, "killed.sh")
  writeFileSync(killed, "#!/bin/sh\nkill -9 $$\n", { mode: 0o755 })
  await expect(spawnMakeDatabase(join(place.dir, "never"), killed)).rejects.toMatchObject({
    code: "database_not_made",
    message: expect.stringContaining("memory"),
    fix: expect.stringContaining("npm ci"),
  })
  const broken = join(place.dir, "broken.sh")
  writeFileSync(broken, "#!/bin/sh\nexit 3\n", { mode: 0o755 })
  await expect(spawnMakeDatabase(join(place.dir, "never"), broken)).rejects.toMatchObject({ code: 3 })
})
