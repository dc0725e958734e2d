/** First boots: on an empty database, and of several processes at once. */
import { randomUUID } from "node:crypto"
import { sql } from "drizzle-orm"
import postgres from "postgres"
import { afterEach, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { silentLog } from "../../src/base/log.ts"
import { codeSchema } from "../../src/db/migrate.ts"
import { type OpenDb, openDb } from "../../src/db/open.ts"
import { openBoss } from "../../src/queue/boss.ts"
import { createNotifier } from "../../src/queue/notifier.ts"
import { createQueue } from "../../src/queue/queue.ts"
import { createInbox } from "../../src/thread/inbox/inbox.ts"
import { createPeople } from "../../src/thread/people/people.ts"
import { databaseKind } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { postgresUrl } from "../support/postgres.ts"
import { createProcess } from "../support/process.ts"
import { text } from "../support/spine.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}, 60_000)

/** Where nothing of ours has ever been. */
async function nowhere(): Promise<{ dataDir: string; url?: string }> {
  const { dir, remove } = testDir()
  cleanups.push(remove)
  return databaseKind === "pglite" ? { dataDir: dir } : { dataDir: dir, url: await emptyDatabase() }
}

async function emptyDatabase(): Promise<string> {
  const server = new URL(await postgresUrl())
  const admin = postgres(server.href, { max: 1, onnotice: () => {} })
  const name = `vigil_test_${randomUUID().replaceAll("-", "")}`
  await admin.unsafe(`create database ${name}`)
  cleanups.push(async () => {
    await admin.unsafe(`drop database ${name} with (force)`)
    await admin.end()
  })
  server.pathname = `/${name}`
  return server.href
}

/** As a process boots: the database, the queue, and the inbox. */
async function boot(place: { dataDir: string; url?: string }) {
  const db: OpenDb = await openDb({ ...place, now: new Date() })
  const boss = openBoss(db, { backend: "postgres", worker: true })
  const queue = await createQueue({ boss, log: silentLog, shared: false })
  const clock = { now: () => new Date() }
  await createPeople({ db, clock, newId }).ensureOwner({})
  const inbox = createInbox({ db, queue, notifier: await createNotifier(), clock, newId })
  const stop = async () => {
    await queue.stop()
    await db.close()
  }
  return { db, boss, inbox, stop }
}

test("the first message after the very first boot is accepted, and after a queue was changed too", {
  timeout: 180_000,
}, async () => {
  const place = await nowhere()
  const first = await boot(place)
  expect(await first.inbox.accept(text("first"))).toMatchObject({ duplicate: false })
  await first.boss.updateQueue("turn", { retryLimit: 3 })
  await first.stop()
  const second = await boot(place)
  expect(await second.inbox.accept(text("second"))).toMatchObject({ duplicate: false })
  expect(await second.db.query(sql`select count(*) as n from inbox`)).toEqual([{ n: 2 }])
  await second.stop()
})

test.runIf(databaseKind === "postgres")(
  "processes that boot at once on an empty database all find it migrated once",
  { timeout: 180_000 },
  async () => {
    const { dataDir, url = "" } = await nowhere()
    const env = { DATABASE_URL: url, DATA_DIR: dataDir }
    const boots = await Promise.all([1, 2, 3].map(() => createProcess({ env, command: "migrate" })))
    for (const product of boots) product.launch({ mayEnd: true })
    expect(await Promise.all(boots.map((product) => product.ended()))).toEqual([0, 0, 0])
    const db = await openDb({ dataDir, url, now: new Date() })
    cleanups.push(() => db.close())
    const [found] = await db.query<{ n: number; names: number; last: string }>(
      sql`select count(*) as n, count(distinct name) as names, max(name) as last from drizzle.__drizzle_migrations`,
    )
    expect(found).toMatchObject({ last: codeSchema(), names: found?.n })
  },
)
