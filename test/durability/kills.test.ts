/**
 * `kill -9` at random moments of runs, against the product as it is started for real. KILLS sets how many (30), KILLS_SEED
 * repeats a sequence of messages and moments. On Postgres two processes share the work, on PGlite there is one.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, expect, test } from "vitest"
import { openPglite } from "../../src/db/pglite.ts"
import { databaseKind, testDatabase, testDir } from "../support/database.ts"
import { violations } from "./checker.ts"
import { createShip, type Ship } from "./fleet.ts"
import { createRandom } from "./random.ts"
import { createWorld, type World } from "./world.ts"

const KILLS = Number(process.env.KILLS ?? 30)
const SEED = Number(process.env.KILLS_SEED ?? 20_261_122)
/** Nothing is done for a run that crashed three times: no run may meet more than two of the kills. */
const MOST_KILLS_A_RUN = 2
/** A run killed on Postgres comes back when its lease of five seconds ends, so within this time it meets two at most. */
const BATCH_MS = 9000
const PATIENCE_MS = 240_000
const DRAIN_MS = 60_000

const cleanups: (() => Promise<void> | void)[] = []
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})

test(
  `${KILLS} kills at random moments lose nothing, repeat nothing, and every reply is sent`,
  async () => {
    const random = createRandom(SEED)
    const ships: Ship[] = []
    const world = await createWorld(() => ships.filter((ship) => ship.isReady()).map((ship) => ship.url), random)
    cleanups.push(() => world.stop())
    const harbour = await openHarbour(world)
    for (let made = 0; made < harbour.ships; made++) ships.push(await createShip(harbour.env))
    cleanups.push(async () => void (await Promise.all(ships.map((ship) => ship.kill()))))
    await Promise.all(ships.map((ship) => ship.start()))

    const tags = { last: 0 }
    for (let kills = 0; kills < KILLS; )
      kills += await storm({ world, ships, harbour, random, tags, most: KILLS - kills })
    await until(
      async () => jobs(world).every((job) => job.lane.startsWith("web") || world.arrivedTags().has(job.tag)),
      DRAIN_MS,
    )
    await Promise.all(ships.map((ship) => ship.kill()))
    const evidence = await world.evidence(await harbour.open())
    expect(ships.flatMap((ship) => ship.wrecks)).toEqual([])
    expect(violations(evidence)).toEqual([])
    expect(evidence.acknowledged.length).toBeGreaterThan(KILLS)
    // The kills met runs at work: otherwise nothing was tested.
    expect(evidence.runs.filter((run) => run.attempts > 0).length).toBeGreaterThan(KILLS / 6)
  },
  PATIENCE_MS + KILLS * 5000,
)

interface Storm {
  world: World
  ships: Ship[]
  harbour: { isShared: boolean }
  random: () => number
  tags: { last: number }
  most: number
}

/** Messages and kills, until a third kill could meet one of the runs; then all is left to come to its end. Says how many kills. */
async function storm({ world, ships, harbour, random, tags, most }: Storm): Promise<number> {
  const began = Date.now()
  const starting = new Map<Ship, Promise<void>>()
  const mayKill = (kills: number) =>
    kills < most && (harbour.isShared ? Date.now() - began < BATCH_MS : kills < MOST_KILLS_A_RUN)
  let kills = 0
  for (; mayKill(kills); kills++) {
    const victim = ships[kills % ships.length]
    if (!victim) throw new Error("there is nothing to kill")
    await starting.get(victim)
    if (!mayKill(kills)) break
    for (const lane of ["telegram", "sms", "web"] as const) if (random() < 0.7) write(world, lane, ++tags.last)
    await sleep(random() * 400)
    await victim.kill()
    const started = victim.start()
    // Awaited before the next use of this ship; a failure until then must not count as nobody's.
    started.catch(() => {})
    starting.set(victim, started)
  }
  await Promise.all(starting.values())
  await drained(world, ships)
  return kills
}

function write(world: World, lane: "telegram" | "sms" | "web", tag: number): void {
  if (tag % 4 === 0) world.report(tag)
  world.write(lane, tag)
}

function jobs(world: World) {
  return world.acknowledged.filter(({ tag }) => tag.startsWith("job-"))
}

/** Where the processes keep their data, and how to look at it after them. */
async function openHarbour(world: World) {
  const { dir, remove } = testDir()
  cleanups.push(remove)
  if (databaseKind === "pglite") {
    const open = async () => {
      const db = await openPglite({ dir: `${dir}/db` })
      cleanups.push(() => db.close())
      return db
    }
    return { ships: 1, isShared: false, env: { ...world.env, DATA_DIR: dir }, open }
  }
  const database = await testDatabase()
  cleanups.push(() => database.drop())
  const env = { ...world.env, DATA_DIR: dir, DATABASE_URL: database.url }
  return { ships: 2, isShared: true, env, open: async () => database.db }
}

/** Everything written is acknowledged and answered, and no run is at work. */
async function drained(world: World, ships: Ship[]): Promise<void> {
  const isDrained = await until(async () => {
    const door = ships.find((ship) => ship.isReady())
    if (!door || !world.isAnswered()) return false
    const headers = { authorization: `Bearer ${world.env.VIGIL_TOKEN}` }
    const response = await fetch(`${door.url}/api/v1/runs?state=running&limit=1`, { headers })
    const page: unknown = await response.json()
    return response.ok && JSON.stringify(page).includes('"runs":[]')
  }, DRAIN_MS)
  if (!isDrained)
    throw new Error(`work is stuck: ${world.open().join(", ")}\n${ships.map((ship) => ship.said()).join("\n")}`)
}

/** False when it did not come. */
async function until(isSo: () => Promise<boolean>, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms
  while (Date.now() < deadline) {
    if (await isSo().catch(() => false)) return true
    await sleep(50)
  }
  return false
}
