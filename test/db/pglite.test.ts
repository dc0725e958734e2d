import { fsyncSync } from "node:fs"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { makeDatabase } from "../../src/db/initdb.ts"
import { openPglite } from "../../src/db/pglite.ts"
import { testDir } from "../support/database.ts"

test("every commit on the embedded database reaches the disk", async () => {
  const { dir, remove } = testDir()
  await makeDatabase(join(dir, "db"))
  let syncs = 0
  const fsync = (fd: number) => {
    syncs++
    fsyncSync(fd)
  }
  const db = await openPglite({ dir: join(dir, "db"), fsync })
  const before = syncs
  for (let i = 0; i < 20; i++)
    await db.query(sql`insert into kv (namespace, key, value, updated_at) values ('t', ${String(i)}, '1', now())`)
  expect(syncs - before).toBeGreaterThanOrEqual(20)
  const committed = syncs
  await db.query(sql`select count(*) from kv`)
  expect(syncs).toBe(committed)
  await db.close()
  remove()
})
