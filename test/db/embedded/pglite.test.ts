import { fsyncSync } from "node:fs"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import type { Tx } from "../../../src/db/db.ts"
import { openPglite } from "../../../src/db/embedded/pglite.ts"
import { makeDatabase } from "../../../src/db/initdb.ts"
import { image } from "../../support/database.ts"
import { testDir } from "../../support/dir.ts"

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

test("a queue of work leaves the rest of the process its turns", async () => {
  const db = await openPglite({ image: await image() })
  let turns = 0
  let isOver = false
  const turn = () => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const work = async (tx: Tx) => void (await tx.query(sql`select count(*) from generate_series(1, 3000)`))
  await Promise.all(Array.from({ length: 150 }, (_, n) => (n % 2 ? db.transaction(work) : work(db))))
  isOver = true
  expect(turns).toBeGreaterThan(5)
  await db.close()
})

test("a transaction that fails holds up nothing behind it, and order is kept", async () => {
  const db = await openPglite({ image: await image() })
  const seen: number[] = []
  const failing = db.transaction(() => Promise.reject(new Error("no")))
  const rest = [1, 2, 3].map(async (n) => {
    await db.query(sql`select 1`)
    seen.push(n)
  })
  await expect(failing).rejects.toThrow("no")
  await Promise.all(rest)
  expect(seen).toEqual([1, 2, 3])
  await db.close()
})
