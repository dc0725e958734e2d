/**
 * A fresh, migrated database for a test file, of the kind that TEST_DATABASE names (pglite by default, or postgres), in well
 * under a second: PGlite from an image made once, Postgres from a template made once.
 */
import { hash, randomUUID } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { silentLog } from "../../src/base/log.ts"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { codeSchema, migrate, type Opened } from "../../src/db/migrate.ts"
import { openPostgres } from "../../src/db/postgres.ts"
import { openBoss } from "../../src/queue/boss.ts"
import { createQueue } from "../../src/queue/queue.ts"
import { postgresUrl } from "./postgres.ts"

export type DatabaseKind = "pglite" | "postgres"

export interface TestDatabase {
  db: Opened
  kind: DatabaseKind
  /** For a second process on the same database; empty for PGlite in memory. */
  url: string
  drop(): Promise<void>
}

/** The kind this run tests on. */
export const databaseKind: DatabaseKind = process.env.TEST_DATABASE === "postgres" ? "postgres" : "pglite"

const CACHE = join(tmpdir(), `vigil-test-${process.getuid?.() ?? 0}`)
/** pg-boss's schema is in the image too, so that a queue starts at once. */
const VERSION = `${codeSchema()}-boss-12.35.0`

export async function testDatabase(kind: DatabaseKind = databaseKind): Promise<TestDatabase> {
  return kind === "postgres" ? onPostgres() : inMemory()
}

async function inMemory(): Promise<TestDatabase> {
  const db = await openPglite({ image: await image() })
  return { db, kind: "pglite", url: "", drop: () => db.close() }
}

/** A migrated embedded database as a file, made once; `openPglite` starts from it. */
export async function image(): Promise<Blob> {
  const path = join(CACHE, `${VERSION}.tar`)
  if (!existsSync(path)) {
    mkdirSync(CACHE, { recursive: true })
    const db = await openPglite({})
    await prepare(db)
    const made = await db.pglite.dumpDataDir("none")
    await db.close()
    const own = `${path}.${process.pid}`
    writeFileSync(own, Buffer.from(await made.arrayBuffer()))
    renameSync(own, path)
  }
  return new Blob([readFileSync(path)])
}

async function prepare(db: Opened): Promise<void> {
  await migrate(db)
  const boss = openBoss(db, { backend: "postgres", worker: false })
  const queue = await createQueue({ boss, log: silentLog, shared: false })
  await queue.stop()
}

async function onPostgres(): Promise<TestDatabase> {
  const server = new URL(await postgresUrl())
  const admin = postgres(server.href, { max: 1, onnotice: () => {} })
  // Postgres cuts names at 63 characters without a word.
  const template = `vigil_template_${hash("sha256", VERSION).slice(0, 16)}`
  await admin`select pg_advisory_lock(7)`
  const [found] = await admin`select 1 from pg_database where datname = ${template}`
  if (!found) await makeTemplate(admin, server, template)
  await admin`select pg_advisory_unlock(7)`
  const name = `vigil_test_${randomUUID().replaceAll("-", "")}`
  await admin.unsafe(`create database ${name} template ${template}`)
  const url = on(server, name)
  const db = openPostgres({ url, max: 6 })
  return {
    db,
    kind: "postgres",
    url,
    async drop() {
      await db.close()
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}

async function makeTemplate(admin: postgres.Sql, server: URL, template: string): Promise<void> {
  const making = `${template}_making`
  await admin.unsafe(`drop database if exists ${making} with (force)`)
  await admin.unsafe(`create database ${making}`)
  const db = openPostgres({ url: on(server, making), max: 2 })
  await prepare(db)
  await db.close()
  await admin.unsafe(`alter database ${making} rename to ${template}`)
}

function on(server: URL, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}
