/**
 * Loop: people write, and processes are killed at random, until there were enough of both; then all is left to come to its
 * end, and what the tables and the ledger hold is judged.
 */
import { availableParallelism, loadavg } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { figuresOf, violations } from "../../durability/checker.ts"
import { createRandom } from "../../durability/random.ts"
import { createProcess, type ProductProcess } from "../../support/process.ts"
import { openStorage, type Storage } from "../../support/storage.ts"
import type { Evidence as Proven, Setting } from "../proof.ts"
import { readLedger } from "../workload/ledger.ts"
import { launchWorkload, type WorkloadProcess } from "../workload/process.ts"
import type { WorkloadOptions } from "../workload/workload.ts"
import { evidenceOf } from "./evidence.ts"
import { addPeople } from "./people.ts"
import { percentile, type Watch, watchLeases } from "./watch.ts"

export type Role = "all" | "web" | "worker"

/** The processes that share the work: on the embedded database there can be one. */
const ROLES: Record<Setting["database"], Role[]> = { postgres: ["web", "worker", "worker", "worker"], pglite: ["all"] }

export interface KillPlan {
  messages: number
  kills: number
  /** Shares of requests and deliveries that something happens to. */
  odds: WorkloadOptions["odds"]
  thinkingMs: number
  /** Messages a second at most. */
  perSecond: number
  /** One in so many interruptions of workers freezes one for `FREEZE_MS` instead of killing it; 0 for none. */
  freezeEvery: number
  /** Only these are killed or frozen; all unless told. */
  victims?: Role[]
  /** Milliseconds for the work to come to its end after the last kill, when it is not `DRAIN_MS`. */
  drainMs?: number
  /** Modules imported before the product, and settings for them: for a product that is not as it should be. */
  imports?: string[]
  env?: Record<string, string>
}

export const ODDS: WorkloadOptions["odds"] = {
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

/** A kill or a freeze. */
interface Interruption {
  at: number
  role: Role
  wasFrozen: boolean
}

interface KillLoop {
  setting: Setting
  plan: KillPlan
  workload: WorkloadProcess
  processes: { product: ProductProcess; role: Role }[]
  random: () => number
  interruptions: Interruption[]
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

export async function runKillLoop(setting: Setting, plan: KillPlan): Promise<Proven> {
  const began = performance.now()
  const storage = await openStorage(setting.database, addPeople)
  const ledger = join(storage.dir, "ledger.jsonl")
  const { odds, thinkingMs } = plan
  const workload = await launchWorkload({ seed: setting.seed, ledger, odds, thinkingMs })
  const env = { ...workload.env, ...storage.env(), ...plan.env }
  const made = ROLES[setting.database].map(async (role) => ({
    product: await createProcess({ env, command: role, imports: plan.imports ?? [] }),
    role,
  }))
  const processes = await Promise.all(made)
  const random = createRandom(setting.seed)
  const shared = { setting, plan, workload, processes, random }
  const loop: KillLoop = {
    ...shared,
    interruptions: [],
    wakes: [],
    downtimes: [],
    pending: new Set(),
    written: 0,
    load: [],
    failure: null,
  }
  const watch = storage.live ? watchLeases(storage.live) : null
  try {
    await Promise.all(processes.map(({ product }) => product.start()))
    await killAndWrite(loop)
    const ofWorkers = loop.interruptions.filter(({ role }) => role !== "web")
    const { recoveries, starved } = (await watch?.stop(ofWorkers)) ?? { recoveries: loop.downtimes, starved: [] }
    // Who was starved past its lease does as it goes on what who was frozen does.
    const wakes = [...loop.wakes, ...starved].toSorted((a, b) => a.getTime() - b.getTime())
    await Promise.all(processes.map(({ product }) => product.kill()))
    await workload.stop()
    return await judge(loop, storage, ledger, {
      claims: watch?.claims ?? [],
      recoveries,
      wakes,
      starved: starved.length,
      seconds: (performance.now() - began) / 1000,
    })
  } finally {
    await Promise.allSettled(loop.pending)
    await Promise.allSettled(processes.map(({ product }) => product.kill()))
    await workload.stop().catch(() => {})
    await watch?.stop([])
    await storage.remove()
  }
}

async function killAndWrite(loop: KillLoop): Promise<void> {
  await tellTargets(loop)
  await Promise.all([write(loop), interrupt(loop)])
  await Promise.all(loop.pending)
  await loop.workload.calm()
  await drained(loop)
}

function isEnough({ written, interruptions, plan, failure }: KillLoop): boolean {
  if (failure) throw failure
  return written >= plan.messages && interruptions.length >= plan.kills
}

async function write(loop: KillLoop): Promise<void> {
  const { workload, plan, setting } = loop
  const each = Math.max(1, Math.round((plan.perSecond * TICK_MS) / 1000))
  for (let said = 0; !isEnough(loop); ) {
    const { written, waiting, unanswered } = await workload.status()
    loop.written = written
    if (written >= said) {
      const kills = loop.interruptions.length
      setting.say(`  ${written} messages, ${waiting} on their way, ${unanswered} unanswered, ${kills} kills`)
      said = written + plan.messages / 10
    }
    if (waiting + unanswered < BACKLOG) await workload.write(each)
    await sleep(TICK_MS)
  }
}

/** Kills, or stops for a while, until it is enough; never the last of several workers, or nobody could take over. */
async function interrupt(loop: KillLoop): Promise<void> {
  const { plan, processes, random } = loop
  const { victims } = plan
  while (!isEnough(loop)) {
    await sleep(FIRST_PAUSE_MS + random() * PAUSE_MS)
    loop.load.push((loadavg()[0] ?? 0) / availableParallelism())
    const isLong = processes.length === 1 && loop.interruptions.length % LIVES === LIVES - 1
    if (isLong) await sleep(LONG_LIFE_MS)
    const up = processes.filter(({ product }) => product.isReady())
    const killable = up.filter(({ role }) => victims?.includes(role) ?? true)
    const victim = killable[Math.floor(random() * killable.length)]
    if (!victim || (victim.role === "worker" && up.filter(({ role }) => role === "worker").length < 2)) continue
    const isFreeze = plan.freezeEvery > 0 && victim.role === "worker" && random() < 1 / plan.freezeEvery
    loop.interruptions.push({ at: Date.now(), role: victim.role, wasFrozen: isFreeze })
    const doing = (isFreeze ? freeze(loop, victim.product) : restart(loop, victim.product))
      .catch((error: unknown) => {
        loop.failure = error instanceof Error ? error : new Error(String(error))
      })
      .finally(() => void loop.pending.delete(doing))
    loop.pending.add(doing)
  }
}

async function freeze(loop: KillLoop, product: ProductProcess): Promise<void> {
  product.freeze()
  await sleep(FREEZE_MS)
  // Before it goes on, and not a moment after: on a busy machine it may do much in between.
  loop.wakes.push(new Date())
  product.thaw()
}

async function restart(loop: KillLoop, product: ProductProcess): Promise<void> {
  const killedAt = Date.now()
  await product.kill()
  await tellTargets(loop)
  await product.start()
  loop.downtimes.push(Date.now() - killedAt)
  await tellTargets(loop)
}

/** Webhooks go to whoever serves them. */
async function tellTargets({ workload, processes }: KillLoop): Promise<void> {
  await workload.setTargets(
    processes.filter(({ product, role }) => role !== "worker" && product.isReady()).map(({ product }) => product.url),
  )
}

/** Nothing is on its way, at work, waiting for a person or unsent. */
async function drained({ workload, processes, setting, plan }: KillLoop): Promise<void> {
  const web = processes.find(({ role }) => role !== "worker")?.product
  const deadline = Date.now() + (plan.drainMs ?? DRAIN_MS)
  let left = ""
  while (Date.now() < deadline) {
    await sleep(TICK_MS)
    const { waiting } = await workload.status()
    const metrics = await fetch(`${web?.url}/metrics`).then((response) => response.text())
    const open = metrics.split("\n").filter((line) => OPEN.test(line) && !line.endsWith(" 0"))
    left = [`${waiting} webhooks`, ...open].join(", ")
    if (waiting === 0 && open.length === 0 && metrics.includes("vigil_database_up 1")) return
  }
  setting.say(`  the work did not come to its end: ${left}`)
}

const OPEN =
  /^vigil_(?:inbox\{state="(?:new|claimed)"|runs\{state="(?:running|waiting)"|outbox\{state="(?:pending|sending)"|questions|threads)/

interface Told {
  claims: Watch["claims"]
  recoveries: number[]
  wakes: Date[]
  /** Workers that lost a thread because they came to no processor. */
  starved: number
  seconds: number
}

async function judge(
  loop: KillLoop,
  storage: Storage,
  ledger: string,
  { claims, recoveries, wakes, starved, seconds }: Told,
): Promise<Proven> {
  const entries = readLedger(ledger)
  const crashes = loop.processes.flatMap(({ product }) => product.crashes)
  const evidence = await evidenceOf(await storage.open(), entries, { claims, wakes, crashes })
  const figures = figuresOf(evidence)
  const kills = loop.interruptions.filter(({ wasFrozen }) => !wasFrozen)
  const load = percentile(loop.load, 0.5)
  const slow = storage.live ? recoveries.filter((ms) => ms > RECOVERY_LIMIT_MS) : []
  return {
    figures: {
      messages: evidence.acknowledged.length,
      threads: new Set(evidence.inbox.map(({ threadId }) => threadId)).size,
      "kill -9": kills.length,
      frozen: loop.interruptions.length - kills.length,
      "starved past a lease": starved,
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
      seed: loop.setting.seed,
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
