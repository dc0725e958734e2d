/**
 * Power: pulled plugs on the embedded database. The product does a workload while its disk is recorded; then the power
 * goes at random moments of that recording, and what is found is opened as the product opens it.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createRandom } from "../durability/random.ts"
import type { Cut, Found } from "./power/examine.ts"
import type { NameModel } from "./power/power-cut.ts"
import { LOG_FILE, type Recorded } from "./power/task-main.ts"
import { createTaskProcess, type TaskProcess } from "./power/task-process.ts"
import type { Evidence, Proof, Setting } from "./proof.ts"

const WORKERS = 2
const LOSSES = [1, 0.5, 0.1]
const SIZES = {
  short: { messages: 4, cuts: 12, controls: 3 },
  full: { messages: 16, cuts: 208, controls: 8 },
}
/** Of each so many cuts one is special. */
const MAKING = 16
const TWICE = 6
const DEEP = 8
/** A file system that keeps names in no order is the rarer one. */
const POSIX = 5

export const powerCuts: Proof = {
  name: "power cuts",
  databases: ["pglite"],
  expects: "green",
  run: (setting) => pull(setting, { syncs: true, count: SIZES[setting.form].cuts }),
}

/** fsync comes to nothing, as in PGlite when nobody mends it. */
export const stockPglite: Proof = {
  name: "power cuts without fsync",
  databases: ["pglite"],
  expects: "red",
  run: (setting) => pull(setting, { syncs: false, count: SIZES[setting.form].controls }),
}

async function pull(setting: Setting, { syncs, count }: { syncs: boolean; count: number }): Promise<Evidence> {
  const began = performance.now()
  const place = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "vigil-power-"))
  const recorder = createTaskProcess()
  const examiners: TaskProcess[] = []
  try {
    const recorded = await record(recorder, { place, messages: SIZES[setting.form].messages, syncs })
    setting.say(`recorded ${recorded.operations} operations in ${seconds(began)} s`)
    const cuts = cutsOf(recorded, count, createRandom(setting.seed))
    for (let n = 0; n < WORKERS; n++) examiners.push(examinerFor(n, place, recorded))
    const looked = await examineAll(examiners, cuts, setting)
    return evidenceOf(recorded, looked, began)
  } finally {
    for (const one of [recorder, ...examiners]) one.stop()
    rmSync(place, { recursive: true, force: true })
  }
}

async function record(
  recorder: TaskProcess,
  how: { place: string; messages: number; syncs: boolean },
): Promise<Recorded> {
  const reply = await recorder.do({ kind: "record", ...how })
  if ("recorded" in reply) return reply.recorded
  throw new Error(`the workload could not be recorded: ${"failed" in reply ? reply.failed : "no answer"}`)
}

function examinerFor(n: number, place: string, { outside, made }: Recorded): TaskProcess {
  let lives = 0
  return createTaskProcess(() => ({
    kind: "prepare",
    place: join(place, `examiner-${n}-${++lives}`),
    recording: join(place, LOG_FILE),
    outside,
    made,
  }))
}

function cutsOf({ operations, made }: Recorded, count: number, random: () => number): Cut[] {
  return Array.from({ length: count }, (_, index) => {
    const isMaking = index % MAKING === MAKING - 1 || (count < MAKING && index === count - 1)
    const [from, to] = isMaking ? [0, made] : [made, operations + 1]
    const names: NameModel = index % POSIX === POSIX - 1 ? "posix" : "journalling"
    return {
      at: from + Math.floor(random() * (to - from)),
      loss: LOSSES[index % LOSSES.length] ?? 1,
      names,
      seed: Math.floor(random() * 2 ** 31),
      twice: index % TWICE === 1,
      deep: index % DEEP === 2,
    }
  })
}

interface Looked {
  cut: Cut
  found: Found
}

async function examineAll(
  examiners: readonly TaskProcess[],
  cuts: readonly Cut[],
  { say }: Setting,
): Promise<Looked[]> {
  const looked: Looked[] = []
  const waiting = [...cuts]
  const examineOn = async (examiner: TaskProcess) => {
    for (let cut = waiting.shift(); cut; cut = waiting.shift()) {
      const reply = await examiner.do({ kind: "examine", cut })
      const violations = "failed" in reply ? [reply.failed] : ["no answer"]
      looked.push({ cut, found: "found" in reply ? reply.found : { violations, facts: 0, isFresh: false } })
      if (looked.length % 20 === 0) say(`${looked.length} of ${cuts.length} cuts looked at`)
    }
  }
  await Promise.all(examiners.map(examineOn))
  return looked
}

function evidenceOf(recorded: Recorded, looked: readonly Looked[], began: number): Evidence {
  const among = (isSo: (one: Looked) => boolean) => looked.filter(isSo).length
  const { length: cuts } = looked
  const names = (model: NameModel) => ({
    all: among(({ cut }) => cut.names === model),
    whole: among(({ cut, found }) => cut.names === model && found.violations.length === 0),
  })
  const [journalling, posix] = [names("journalling"), names("posix")]
  return {
    figures: {
      "power cuts": cuts,
      "of them while the database was made": among(({ cut }) => cut.at < recorded.made),
      "of them twice": among(({ cut }) => cut.twice),
      "operations recorded": recorded.operations,
      "syncs recorded": recorded.syncs,
      "acknowledged facts looked for": looked.reduce((sum, { found }) => sum + found.facts, 0),
      "whole, names kept in order (as ext4)": `${journalling.whole} of ${journalling.all}`,
      "whole, names kept by directory (POSIX)": `${posix.whole} of ${posix.all}`,
      "every index checked by amcheck": among(({ cut }) => cut.deep),
      seconds: seconds(began),
    },
    violations: [
      ...recorded.unlike.map((path) => `the replay of ${path} is not what was written`),
      ...looked.flatMap(({ cut, found }) =>
        found.violations.slice(0, 3).map((violation) => `${violation} (${JSON.stringify(cut)})`),
      ),
    ],
  }
}

function seconds(began: number): number {
  return Math.round((performance.now() - began) / 100) / 10
}
