/** That the embedded database reaches the disk, and says so when it cannot. */
import { execFile } from "node:child_process"
import { fstatSync, fsyncSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, expect, test } from "vitest"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { testDir } from "../support/dir.ts"

let place: ReturnType<typeof testDir>
let dir: string
beforeAll(async () => {
  place = testDir()
  dir = join(place.dir, "db")
  const db = await openPglite({ dir })
  await db.script("create table notes (id int primary key, words text)")
  await db.close()
}, 120_000)
afterAll(() => place.remove())

/** Opens `dir` and notes what each fsync was called on. */
async function counting() {
  const synced: { isDirectory: boolean; inode: number }[] = []
  const db = await openPglite({
    dir,
    fsync(fd) {
      const stat = fstatSync(fd)
      synced.push({ isDirectory: stat.isDirectory(), inode: stat.ino })
      fsyncSync(fd)
    },
  })
  return { db, synced }
}

test("a new directory entry is synced in its directory", async () => {
  const { db, synced } = await counting()
  const before = synced.length
  await db.query(sql`select pg_create_physical_replication_slot('a', true)`)
  await db.query(sql`select pg_drop_replication_slot('a')`)
  expect(synced.slice(before).some(({ isDirectory }) => isDirectory)).toBe(true)
  await db.close()
})

test("the name of a new table is synced before what is said about it", async () => {
  const { db, synced } = await counting()
  const before = synced.length
  await db.script("create table later (id int)")
  const [file] = await db.query<{ path: string }>(sql`select pg_relation_filepath('later') as path`)
  const folder = statSync(join(dir, dirname(file?.path ?? ""))).ino
  expect(synced.slice(before).filter(({ inode }) => inode === folder)).toHaveLength(1)
  await db.close()
})

test("a disk that fails ends the process: nothing is acknowledged, and nothing before it is lost", {
  timeout: 120_000,
}, async () => {
  const program = `
    const { fsyncSync } = await import("node:fs")
    const { openPglite } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/db/embedded/pglite.ts"))})
    let isBroken = false
    const fsync = (fd) => {
      if (isBroken) throw new Error("EIO: i/o error")
      fsyncSync(fd)
    }
    const db = await openPglite({ dir: ${JSON.stringify(dir)}, fsync })
    await db.script("insert into notes values (400, 'before')")
    isBroken = true
    await db.script("insert into notes values (401, 'never')").catch(() => {})
    console.log("acknowledged")`
  const ended = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]).catch(
    (error) => error,
  )
  expect(ended).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("EIO: i/o error") })
  const again = await openPglite({ dir })
  expect(await again.query(sql`select id from notes where id = 400`)).toEqual([{ id: 400 }])
  await again.close()
})

test("as it comes PGlite syncs nothing: what is mended here is not mended there", async () => {
  let syncs = 0
  const fs = new NodeFS(dir)
  const init = fs.init.bind(fs)
  fs.init = async (pg, opts) => {
    const made = await init(pg, opts)
    made.emscriptenOpts.preRun?.push((module: unknown) => {
      const { NODEFS } = (module as { FS: { filesystems: { NODEFS: { stream_ops: { fsync?: unknown } } } } }).FS
        .filesystems
      NODEFS.stream_ops.fsync = () => {
        syncs++
        return 0
      }
    })
    return made
  }
  const stock = await PGlite.create({ fs })
  await stock.query("insert into notes values (1000, 'x')")
  await stock.close()
  expect(syncs).toBe(0)
})
