import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "drizzle-orm"
import { afterEach, beforeEach, expect, test } from "vitest"
import { spawnMakeDatabase } from "../../src/db/initdb.ts"
import { codeSchema, databaseSchema } from "../../src/db/migrate.ts"
import { openDb } from "../../src/db/open.ts"
import { testDir } from "../support/dir.ts"

const INITDB = join(import.meta.dirname, "../../src/db/initdb.ts")

let place: ReturnType<typeof testDir>
beforeEach(() => {
  place = testDir()
})
afterEach(() => place.remove())

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(10)
}

test("a first boot that is killed half-way leaves no database, and the next one works", {
  timeout: 300_000,
}, async () => {
  const dir = join(place.dir, "db")
  const making = `${dir}.making`
  // The first files, and a database that is not migrated yet.
  for (const far of [() => existsSync(making), () => existsSync(join(making, "PG_VERSION"))]) {
    const child = spawn(process.execPath, [INITDB, dir], { stdio: "ignore" })
    await waitFor(far)
    child.kill("SIGKILL")
    await once(child, "exit")
    expect(existsSync(dir)).toBe(false)
  }
  await spawnMakeDatabase(dir)
  expect(readdirSync(place.dir)).not.toContain("db.making")
  const db = await openDb({ dataDir: place.dir, now: new Date() })
  expect(db.firstBoot).toBe(false)
  expect(await databaseSchema(db)).toBe(codeSchema())
  expect(await db.query(sql`select count(*) as n from threads`)).toEqual([{ n: 0 }])
  await db.close()
})

test("the first boot is told from the next one", { timeout: 120_000 }, async () => {
  const first = await openDb({ dataDir: place.dir, now: new Date() })
  expect(first.firstBoot).toBe(true)
  expect(await databaseSchema(first)).toBe(codeSchema())
  await first.close()
  const again = await openDb({ dataDir: place.dir, now: new Date() })
  expect(again.firstBoot).toBe(false)
  await again.close()
})
