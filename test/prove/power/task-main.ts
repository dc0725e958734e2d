/**
 * Task main: records a workload, or examines what cuts left, in a process of its own, so that what hangs or ends there is seen
 * from outside. Whoever recorded stays, since the stand-ins of the workload live with it.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { deserialize, serialize } from "node:v8"
import type { Operation } from "../../durability/disk.ts"
import { start as startGitHub } from "../../support/github-stand-in.ts"
import { startErrandModel } from "./errand-model.ts"
import { type Cut, examine, type Found, type Scenario } from "./examine.ts"
import { applyCut, goOnFrom, treeOf } from "./power-cut.ts"
import { type Outside, REPO } from "./product.ts"
import { recordWorkload } from "./recorded-workload.ts"

export interface Recorded {
  outside: Outside
  /** Operations of making the database; then the product boots for the first time. */
  made: number
  operations: number
  syncs: number
  marks: number
  /** Files that a replay with nothing lost does not give back as they are. */
  unlike: string[]
}

export type Task =
  | { kind: "record"; place: string; messages: number; syncs: boolean }
  | { kind: "prepare"; place: string; recording: string; outside: Outside; made: number }
  | { kind: "examine"; cut: Cut }

export type Reply = { recorded: Recorded } | { prepared: true } | { found: Found } | { failed: string }

export const LOG_FILE = "log"

async function record(place: string, messages: number, syncs: boolean): Promise<Recorded> {
  const dir = join(place, "recorded")
  mkdirSync(dir)
  const model = await startErrandModel()
  const github = await startGitHub({ repos: { [REPO]: { labels: ["bug", "feature", "question"] } } })
  const outside = { model: model.url, github: { url: github.url, token: github.token } }
  const { log } = await recordWorkload({ dir, outside, github, messages, syncs })
  writeFileSync(join(place, LOG_FILE), serialize(log))
  const replayed = join(place, "replayed")
  mkdirSync(replayed)
  applyCut(log, replayed, { at: log.length, loss: 0, names: "journalling", random: () => 1 - Number.EPSILON })
  const again = treeOf(replayed)
  const count = (op: Operation["op"]) => log.filter((operation) => operation.op === op).length
  return {
    outside,
    made: log.findIndex((operation) => operation.op === "rename" && operation.to === "db") + 2,
    operations: log.length,
    syncs: count("sync") + count("syncDirectory"),
    marks: count("mark"),
    // Empty files made by SQLite itself, which is our lock, are not seen.
    unlike: [...treeOf(dir)].flatMap(([path, bytes]) =>
      bytes.equals(again.get(path) ?? Buffer.alloc(0)) ? [] : [path],
    ),
  }
}

let whole: Scenario | undefined
let tail: { scenario: Scenario; made: number; skipped: number } | undefined

function prepare({ place, recording, outside, made }: Extract<Task, { kind: "prepare" }>): void {
  // Written by `record` with the same serializer a moment ago.
  const log = deserialize(readFileSync(recording)) as Operation[]
  mkdirSync(place)
  whole = { base: null, log, outside, place }
  const base = join(place, "base")
  mkdirSync(base)
  const rest = goOnFrom(log, made, base)
  tail = { scenario: { base, log: rest, outside, place }, made, skipped: log.length - rest.length }
}

/** A cut at work goes on from the database as it was made, which saves making it. */
async function examineCut(cut: Cut): Promise<Found> {
  if (!whole || !tail) throw new Error("nothing is prepared")
  if (cut.at < tail.made) return await examine(whole, cut)
  return await examine(tail.scenario, { ...cut, at: cut.at - tail.skipped })
}

async function work(task: Task): Promise<Reply> {
  if (task.kind === "record") return { recorded: await record(task.place, task.messages, task.syncs) }
  if (task.kind === "examine") return { found: await examineCut(task.cut) }
  prepare(task)
  return { prepared: true }
}

// The database's own complaints about what it was left with are the finding of `examine`, once.
console.error = () => {}
process.on("message", async (task: Task) => {
  const reply = await work(task).catch((error: unknown): Reply => ({ failed: String(error).slice(0, 500) }))
  process.send?.(reply)
})
process.on("disconnect", () => process.exit(0))
