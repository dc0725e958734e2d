/**
 * Loop: people write, and processes are killed at random, until there were enough of both; then all is left to come to its
 * end, and what the tables and the ledger hold is judged.
 */
import { availableParallelism, loadavg } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { figuresOf, violations } from "../../durability/checker.ts"
import { createShip, type Ship } from "../../durability/fleet.ts"
import { createRandom } from "../../durability/random.ts"
import type { Evidence as Proven, Setting } from "../proof.ts"
import { readLedger } from "../world/ledger.ts"
import { launchWorld, type RemoteWorld } from "../world/remote.ts"
import type { WorldOptions } from "../world/world.ts"
import { evidenceOf } from "./evidence.ts"
import { type Harbour, openHarbour } from "./harbour.ts"
import { percentile, type Watch, watchLeases } from "./watch.ts"

export interface Storm {
  messages: number
  kills: number
  /** Shares of requests and deliveries that something happens to. */
  odds: WorldOptions["odds"]
  thinkingMs: number
  /** Messages a second at most. */
  perSecond: number
  /** One in so many of what is done to workers is a stop of `freezeMs` instead of a kill; 0 for none. */
  freezeEvery: number
  /** Only these are killed or stopped; all unless told. */
  victims?: ("all" | "web" | "worker")[]
  /** Milliseconds for the work to come to its end after the last kill, when it is not `DRAIN_MS`. */
  drainMs?: number
  /** Flags for node and settings, for a product that is not as it should be. */
  flags?: string[]
  env?: Record<string, string>
}

export const ODDS: WorldOptions["odds"] = {
  lost: 0.05,
  refused: 0.05,
  slow: 0.05,
  repeated: 0.1,
  overtaking: 0.1,
  issues: 0.025,
}

const FIRST_PAUSE_MS = 300
const PAUSE_MS = 1700
/** Longer than a lease. */
const FREEZE_MS = 7000
/** Messages that may wait for their answers before people stop writing more. */
const BACKLOG = 400
const TICK_MS = 250
/** Longer than a message of a dead sender waits, and than three of the pauses after failed sends. */
const DRAIN_MS = 180_000
/** On the embedded database each run that is at work meets each kill: after so many, one life is long enough to end them. */
const LIVES = 2
const LONG_LIFE_MS = 3000
const RECOVERY_LIMIT_MS = 21_000

/** What was done to a process. */
interface Deed {
  at: number
  role: Harbour["roles"][number]
  wasFrozen: boolean
}

interface Scene {
  setting: Setting
  storm: Storm
  world: RemoteWorld
  ships: { ship: Ship; role: Harbour["roles"][number] }[]
  random: () => number
  deeds: Deed[]
  wakes: Date[]
  /** Milliseconds from each kill until the same process was ready again. */
  downtimes: number[]
  /** Starts and freezes on their way. */
  pending: Set<Promise<void>>
  written: number
  /** Processes that wanted a processor, for each there is, now and then. */
  load: number[]
  /** A process that could not be started. */
  failure: Error | null
}

export async function runStorm(setting: Setting, storm: Storm): Promise<Proven> {
  const began = performance.now()
  const harbour = await openHarbour(setting.database)
  const ledger = join(harbour.dir, "ledger.jsonl")
  const { odds, thinkingMs } = storm
  const world = await launchWorld({ seed: setting.seed, ledger, odds, thinkingMs })
  const env = { ...world.env, ...harbour.env, ...storm.env }
  const made = harbour.roles.map(async (role) => ({
    ship: await createShip(env, { role, flags: storm.flags ?? [] }),
    role,
  }))
  const ships = await Promise.all(made)
  const random = createRandom(setting.seed)
  const shared = { setting, storm, world, ships, random }
  const scene: Scene = {
    ...shared,
    deeds: [],
    wakes: [],
    downtimes: [],
    pending: new Set(),
    written: 0,
    load: [],
    failure: null,
  }
  const watch = harbour.live ? watchLeases(harbour.live) : null
  try {
    await Promise.all(ships.map(({ ship }) => ship.start()))
    await live(scene)
    const ofWorkers = scene.deeds.filter(({ role }) => role !== "web")
    const recoveries = (await watch?.stop(ofWorkers)) ?? scene.downtimes
    await Promise.all(ships.map(({ ship }) => ship.kill()))
    await world.stop()
    return await judge(scene, harbour, ledger, {
      claims: watch?.claims ?? [],
      recoveries,
      seconds: (performance.now() - began) / 1000,
    })
  } finally {
    await Promise.allSettled(scene.pending)
    await Promise.allSettled(ships.map(({ ship }) => ship.kill()))
    await world.stop().catch(() => {})
    await watch?.stop([])
    await harbour.remove()
  }
}

async function live(scene: Scene): Promise<void> {
  await tellDoors(scene)
  await Promise.all([write(scene), strike(scene)])
  await Promise.all(scene.pending)
  await scene.world.calm()
  await drained(scene)
}

function isEnough({ written, deeds, storm, failure }: Scene): boolean {
  if (failure) throw failure
  return written >= storm.messages && deeds.length >= storm.kills
}

async function write(scene: Scene): Promise<void> {
  const { world, storm, setting } = scene
  const each = Math.max(1, Math.round((storm.perSecond * TICK_MS) / 1000))
  for (let said = 0; !isEnough(scene); ) {
    const { written, waiting, unanswered } = await world.status()
    scene.written = written
    if (written >= said) {
      const kills = scene.deeds.length
      setting.say(`  ${written} messages, ${waiting} on their way, ${unanswered} unanswered, ${kills} kills`)
      said = written + storm.messages / 10
    }
    if (waiting + unanswered < BACKLOG) await world.write(each)
    await sleep(TICK_MS)
  }
}

/** Kills, or stops for a while, until it is enough; never the last of several workers, or nobody could take over. */
async function strike(scene: Scene): Promise<void> {
  const { storm, ships, random } = scene
  const { victims } = storm
  while (!isEnough(scene)) {
    await sleep(FIRST_PAUSE_MS + random() * PAUSE_MS)
    scene.load.push((loadavg()[0] ?? 0) / availableParallelism())
    const isLong = ships.length === 1 && scene.deeds.length % LIVES === LIVES - 1
    if (isLong) await sleep(LONG_LIFE_MS)
    const up = ships.filter(({ ship }) => ship.isReady())
    const mortal = up.filter(({ role }) => victims?.includes(role) ?? true)
    const victim = mortal[Math.floor(random() * mortal.length)]
    if (!victim || (victim.role === "worker" && up.filter(({ role }) => role === "worker").length < 2)) continue
    const isFreeze = storm.freezeEvery > 0 && victim.role === "worker" && random() < 1 / storm.freezeEvery
    scene.deeds.push({ at: Date.now(), role: victim.role, wasFrozen: isFreeze })
    const doing = (isFreeze ? freeze(scene, victim.ship) : restart(scene, victim.ship))
      .catch((error: unknown) => {
        scene.failure = error instanceof Error ? error : new Error(String(error))
      })
      .finally(() => void scene.pending.delete(doing))
    scene.pending.add(doing)
  }
}

async function freeze(scene: Scene, ship: Ship): Promise<void> {
  await ship.freeze(FREEZE_MS)
  scene.wakes.push(new Date())
}

async function restart(scene: Scene, ship: Ship): Promise<void> {
  const killedAt = Date.now()
  await ship.kill()
  await tellDoors(scene)
  await ship.start()
  scene.downtimes.push(Date.now() - killedAt)
  await tellDoors(scene)
}

/** Webhooks go to whoever serves them. */
async function tellDoors({ world, ships }: Scene): Promise<void> {
  await world.doors(ships.filter(({ ship, role }) => role !== "worker" && ship.isReady()).map(({ ship }) => ship.url))
}

/** Nothing is on its way, at work, waiting for a person or unsent. */
async function drained({ world, ships, setting, storm }: Scene): Promise<void> {
  const door = ships.find(({ role }) => role !== "worker")?.ship
  const deadline = Date.now() + (storm.drainMs ?? DRAIN_MS)
  let left = ""
  while (Date.now() < deadline) {
    await sleep(TICK_MS)
    const { waiting } = await world.status()
    const metrics = await fetch(`${door?.url}/metrics`).then((response) => response.text())
    const open = metrics.split("\n").filter((line) => OPEN.test(line) && !line.endsWith(" 0"))
    left = [`${waiting} webhooks`, ...open].join(", ")
    if (waiting === 0 && open.length === 0 && metrics.includes("vigil_database_up 1")) return
  }
  setting.say(`  the work did not come to its end: ${left}`)
}

const OPEN =
  /^vigil_(?:inbox\{state="(?:new|claimed)"|runs\{state="(?:running|waiting)"|outbox\{state="(?:pending|sending)"|questions|threads)/

async function judge(
  scene: Scene,
  harbour: Harbour,
  ledger: string,
  { claims, recoveries, seconds }: { claims: Watch["claims"]; recoveries: number[]; seconds: number },
): Promise<Proven> {
  const entries = readLedger(ledger)
  const wrecks = scene.ships.flatMap(({ ship }) => ship.wrecks)
  const evidence = await evidenceOf(await harbour.open(), entries, { claims, wakes: scene.wakes, wrecks })
  const figures = figuresOf(evidence)
  const kills = scene.deeds.filter(({ wasFrozen }) => !wasFrozen)
  const load = percentile(scene.load, 0.5)
  const slow = harbour.live ? recoveries.filter((ms) => ms > RECOVERY_LIMIT_MS) : []
  return {
    figures: {
      messages: evidence.acknowledged.length,
      threads: new Set(evidence.inbox.map(({ threadId }) => threadId)).size,
      "kill -9": kills.length,
      stopped: scene.deeds.length - kills.length,
      "runs hit": evidence.runs.filter(({ attempts }) => attempts > 0).length,
      effects: effectsIn(evidence),
      "repeated deliveries": entries.filter(({ kind }) => kind === "repeated").length,
      "approved, denied": `${of(evidence.waits, "approved")}, ${of(evidence.waits, "denied")}`,
      "due instants": evidence.schedules.reduce((sum, { instants }) => sum + instants.length, 0),
      "duplicates explained": figures.duplicatesExplained,
      uncertain: figures.uncertain,
      "ended by a limit": figures.limited,
      "dead-lettered": figures.deadLettered,
      "recovery p50 ms": Math.round(percentile(recoveries, 0.5)),
      "recovery p99 ms": Math.round(percentile(recoveries, 0.99)),
      "load a core": Math.round(load * 10) / 10,
      seconds: Math.round(seconds),
      seed: scene.setting.seed,
    },
    violations: violations(evidence),
    late: slow.map((ms) => `a killed worker's thread waited ${ms} ms for another worker`),
  }
}

const of = (waits: { state: string }[], state: string) => waits.filter((wait) => wait.state === state).length

/** Messages and labels that went out, and rows that tools made. */
function effectsIn({ arrived, labelled, rows }: Parameters<typeof violations>[0]): number {
  return arrived.length + labelled.length + rows.reduce((sum, { times }) => sum + times, 0)
}
