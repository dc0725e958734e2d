/**
 * Pulled plugs on the embedded database: events are accepted and answered through the product, the power goes at a random
 * moment, and the disk is opened again. POWER_CUTS sets how many (4), POWER_SEED repeats them. The whole product's day, with
 * a first boot in it, is the proof in test/prove/power.ts.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { sql } from "drizzle-orm"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Db } from "../../src/db/db.ts"
import { openPglite } from "../../src/db/embedded/pglite.ts"
import { makeDatabase } from "../../src/db/initdb.ts"
import { brokenLinks } from "../../src/journal/journal.ts"
import { applyCut, type PowerCut, treeOf } from "../prove/power/power-cut.ts"
import { databaseKind } from "../support/database.ts"
import { testDir } from "../support/dir.ts"
import { spine, text } from "../support/spine.ts"
import { marksBefore, type Recording, recordDisk } from "./disk.ts"
import { createRandom } from "./random.ts"

const CUTS = Number(process.env.POWER_CUTS ?? 4)
const SEED = Number(process.env.POWER_SEED ?? 20_261_122)
const LOSSES = [1, 0.5, 0.1]
const EVENTS = 60
const CONTROLS = 6

let place: ReturnType<typeof testDir>
/** The directory before the first recorded operation. */
let before: string
/** A day's work, with every sync. */
let disk: Recording
/** Accepts and answers events on three threads, with a checkpoint now and then, and writes down what the disk was told. */
async function work(name: string, options: { syncs?: boolean } = {}): Promise<Recording> {
  const dir = join(place.dir, name)
  cpSync(before, dir, { recursive: true })
  const disk = recordDisk(dir, options)
  try {
    const db = await openPglite({ dir })
    const s = await spine({ db })
    await db.script("create table made_today (words text); insert into made_today values ('something')")
    for (let n = 1; n <= EVENTS; n++) {
      const event = text(`event ${n}`, { externalId: `${name}-${n}`, threadKey: `web:power${n % 3}` })
      const { threadId } = await s.inbox.accept(event)
      disk.mark(`accepted ${name}-${n}`)
      if (n % 2 === 0) {
        await s.settle(threadId)
        disk.mark(`answered ${name}-${n}`)
      }
      if (n % 20 === 0) await db.raw("checkpoint")
    }
    await s.stop()
    await db.close()
  } finally {
    disk.stop()
  }
  return disk
}

/** What is wrong with the database found after one cut; empty when nothing is. */
async function damage({ log }: Recording, cut: PowerCut): Promise<string[]> {
  const dir = join(place.dir, "found")
  rmSync(dir, { recursive: true, force: true })
  cpSync(before, dir, { recursive: true })
  let db: Awaited<ReturnType<typeof openPglite>> | undefined
  try {
    applyCut(log, dir, cut)
    db = await openPglite({ dir })
    return await faults(db, marksBefore(log, cut.at))
  } catch (error) {
    return [`it cannot be used: ${String(error).slice(0, 200)}`]
  } finally {
    await db?.close().catch(() => {})
  }
}

async function faults(db: Db, marks: string[]): Promise<string[]> {
  const idsBy = async (settings: string) => {
    await db.script(settings)
    const rows = await db.query<{ id: string; state: string }>(sql`
      select external_id as id, state from inbox where source = 'test' order by external_id collate "C"`)
    return rows.map(({ id, state }) => `${id} ${state}`)
  }
  const table = await idsBy("set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off")
  const index = await idsBy("reset enable_indexscan; reset enable_indexonlyscan; set enable_seqscan = off")
  const gaps = await db.query<{ key: string }>(sql`
    select key from threads join (select thread_id, count(*) as n, max(seq) as last from inbox group by 1) i on thread_id = threads.id
    where n <> last or next_seq <> last + 1`)
  const has = (name: string, state?: string) => table.some((row) => row.startsWith(`${name} ${state ?? ""}`))
  return [
    ...marks.flatMap((mark) => {
      const [what, id = ""] = mark.split(" ")
      return has(id, what === "answered" ? "done" : undefined) ? [] : [`${id} was ${what} and is lost`]
    }),
    ...(table.join() === index.join() ? [] : ["the unique index does not agree with its table"]),
    ...gaps.map(({ key }) => `the numbers of ${key} have gaps`),
    ...(await brokenLinks(db)).map(({ id }) => `journal row ${id} does not follow from the one before it`),
  ]
}

/** Moments after the first event was accepted. */
function cutsOf({ log }: Recording, count: number, random: () => number): PowerCut[] {
  const first = log.findIndex((operation) => operation.op === "mark")
  return Array.from({ length: count }, (_, index) => ({
    at: first + 1 + Math.floor(random() * (log.length - first)),
    loss: LOSSES[index % LOSSES.length] ?? 1,
    names: index % 2 === 0 ? "journalling" : "posix",
    random,
  }))
}

describe.skipIf(databaseKind === "postgres")("on the embedded database", () => {
  beforeAll(async () => {
    place = testDir()
    before = join(place.dir, "before")
    await makeDatabase(before)
    const db = await openPglite({ dir: before })
    const s = await spine({ db })
    await s.inbox.accept(text("the first", { threadKey: "web:power0" }))
    await s.stop()
    await db.close()
    disk = await work("synced")
  }, 120_000)
  afterAll(() => place.remove())

  test(`${CUTS} power cuts lose nothing that was acknowledged`, { timeout: 120_000 + CUTS * 10_000 }, async () => {
    const random = createRandom(SEED)
    expect(disk.log.filter(({ op }) => op === "sync").length).toBeGreaterThan(EVENTS)
    for (const cut of cutsOf(disk, CUTS, random)) {
      const where = `cut at ${cut.at} of ${disk.log.length}, loss ${cut.loss}, ${cut.names}`
      expect({ where, damage: await damage(disk, cut) }).toEqual({ where, damage: [] })
    }
  })

  test("with nothing lost the replayed disk is the real one, byte for byte", { timeout: 120_000 }, () => {
    const dir = join(place.dir, "again")
    cpSync(before, dir, { recursive: true })
    applyCut(disk.log, dir, { at: disk.log.length, loss: 0, names: "posix", random: () => 1 - Number.EPSILON })
    const [again, real] = [treeOf(dir), treeOf(join(place.dir, "synced"))]
    expect([...again.keys()]).toEqual([...real.keys()])
    expect(
      [...real].flatMap(([path, bytes]) => (bytes.equals(again.get(path) ?? Buffer.alloc(0)) ? [] : [path])),
    ).toEqual([])
  })

  test("without fsync, as PGlite comes, the same cuts do damage", { timeout: 180_000 }, async () => {
    const random = createRandom(SEED)
    const unsynced = await work("unsynced", { syncs: false })
    const found: string[] = []
    for (const cut of cutsOf(unsynced, CONTROLS, random)) {
      if (found.length === 0) found.push(...(await damage(unsynced, cut)))
    }
    expect(found).not.toEqual([])
  })
})
