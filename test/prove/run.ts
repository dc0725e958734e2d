/**
 * Prove: what `npm run prove` (src/cli/prove.ts) carries out. Runs each proof on each of its databases and writes `promises.json`
 * and its page, `PROMISES.md`, in which what is too long for a run of all stays as it was last seen. `--short` takes three minutes, in which it does what it
 * can, and only prints; `--only NAME,NAME` and `--database KIND` choose; `--seed N` repeats a run's random choices; `--keep`
 * writes the report with what earlier runs saw of the proofs that do not run now. Proofs run side by side, each in processes of
 * its own; the load is told beside whatever depends on it. Where `CI` is set, the short form carries a red proof out once more
 * by itself.
 */
import { writeFileSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { circumstances, writeJson } from "../bench/report.ts"
import { NoPostgres, postgresUrl } from "../support/postgres.ts"
import { PROMISES, SUITES } from "./promises.ts"
import { BUSY, type Evidence, type Proof, type Setting } from "./proof.ts"
import { carriedOut, endAll, Skipped } from "./proof-process.ts"
import { APART, FIRST, LAST, PROOFS, WAITING, WITHIN } from "./proofs.ts"
import { isHeld, promisesPage, type Report, readReport, type Shown, standing } from "./report.ts"
import { inSlots } from "./slots.ts"
import { warmUp } from "./warm-up.ts"

const PAGE = fileURLToPath(new URL("./PROMISES.md", import.meta.url))
const DATA = fileURLToPath(new URL("./promises.json", import.meta.url))
const LOOK_MS = 5000
/** All of the short form: what is not done by then is not done. */
const SHORT_MS = 150_000
/** For a proof that is repeated. */
const AGAIN_MS = 90_000
/** For one proof of the full form; what takes longer, on however slow a machine, hangs. */
const HANGS_MS = 3_600_000

const { values: options } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string" },
    database: { type: "string" },
    seed: { type: "string", default: "20261122" },
    keep: { type: "boolean", default: false },
  },
})
const databases = new Map<string, readonly string[]>(PROOFS.map((proof) => [proof.name, proof.databases]))
/** Violations that are kept of one proof. */
const MOST = 20
const say = (line: string) => void process.stdout.write(`${line}\n`)
const names = options.only?.split(",").map((name) => name.trim())
const unknown = names?.filter((name) => !PROOFS.some((proof) => proof.name === name)) ?? []
if (unknown.length > 0) {
  process.stderr.write(
    `prove: there is no ${unknown.join(", ")}; there are ${PROOFS.map(({ name }) => name).join(", ")}\n`,
  )
  process.exit(2)
}

interface Task {
  proof: Proof
  database: Setting["database"]
}

const began = performance.now()
const [when = "", ...machine] = whereAndWhen()
const isWhole = !names && !options.database && !options.short
const isWritten = isWhole || options.keep
const shown: Shown[] = []
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    endAll()
    process.exit(1)
  })
say(`${when}, ${machine.join(", ")}, seed ${options.seed}`)
const skipped = await prepare()
const isWaiting = ({ proof }: Task) => WAITING.has(proof)
const slots = [
  { first: (task: Task) => !isWaiting(task) },
  { first: isWaiting },
  { first: isWaiting, only: true as const },
]
await inSlots(
  tasks().filter((task) => !skipped.includes(task.database)),
  slots,
  async (task) => {
    const one = await seen(task)
    if (one === null) return
    shown.push(one)
    tell(one)
    if (isWritten) write()
  },
)
if (options.short && process.env.CI) await repeatRed()

/** As a failed test is repeated (CONTRIBUTING.md): once, by itself, and named. */
async function repeatRed(): Promise<void> {
  for (const [at, red] of shown.entries()) {
    if (isHeld(red)) continue
    const proof = PROOFS.find(({ name }) => name === red.proof.name)
    const database = proof?.databases.find((one) => one === red.database)
    const again = proof && database ? await seen({ proof, database }, AGAIN_MS) : null
    if (!again) continue
    tell(again)
    if (isHeld(again)) say(`unsteady: ${red.proof.name}, ${red.database}`)
    shown[at] = again
  }
}

/** Once for all, before they go side by side. Says which databases there are none of here. */
async function prepare(): Promise<Setting["database"][]> {
  const wanted = tasks()
  if (wanted.some(({ proof }) => !WITHIN.has(proof))) await warmUp()
  if (wanted.every(({ database }) => database === "pglite")) return []
  try {
    process.env.TEST_DATABASE_URL = await postgresUrl()
    return []
  } catch (error) {
    if (!(error instanceof NoPostgres)) throw error
    say(`skipped on Postgres: ${error.message}`)
    return ["postgres"]
  }
}

/** What is chosen. The tests are run by themselves anyway, so the short form leaves them out. */
function tasks(): Task[] {
  const chosen = PROOFS.filter((proof) =>
    names ? names.includes(proof.name) : !(APART.has(proof.name) || (options.short && SUITES.includes(proof))),
  )
  const place = (proof: Proof) => (FIRST.has(proof) ? 0 : LAST.has(proof) ? 2 : 1)
  const ordered = options.short ? chosen.toSorted((a, b) => place(a) - place(b)) : chosen
  return ordered.flatMap((proof) =>
    proof.databases
      .filter((database) => !options.database || options.database === database)
      .map((database) => ({ proof, database })),
  )
}

/** What this run saw, and what the report keeps of earlier ones, in its order. */
function known(before: Report | null): Shown[] {
  const isNew = (old: Shown) => shown.some((one) => one.proof.name === old.proof.name && one.database === old.database)
  const kept = (before?.shown ?? []).filter((old) => (options.keep || APART.has(old.proof.name)) && !isNew(old))
  const order = (one: Shown) => PROOFS.findIndex(({ name }) => name === one.proof.name)
  return [...kept, ...shown].filter((one) => order(one) >= 0).sort((a, b) => order(a) - order(b))
}

/** Read again each time: another run may have written meanwhile. */
function reportNow(): Report | null {
  return isWritten ? readReport(DATA) : null
}

/** After each proof: a run that is stopped keeps what it saw. */
function write(): void {
  const before = reportNow()
  const report: Report = {
    when,
    machine: machine.join(", "),
    seed: options.seed,
    whole: wholeRun(before),
    shown: known(before),
  }
  writeJson(DATA, report)
  writeFileSync(PAGE, promisesPage(report, PROMISES, databases))
}

/** This one, once it is over; one of some proofs keeps the one before. */
function wholeRun(before: Report | null): Report["whole"] {
  if (!isWhole) return before?.whole ?? null
  const isOver = shown.length === tasks().length
  return isOver ? { when, seconds: Math.round((performance.now() - began) / 1000) } : null
}

function tell(one: Shown): void {
  const { figures, violations } = one.evidence
  const name = `${one.proof.name}, ${one.database}, ${one.seconds.toFixed(0)} s, load a core ${one.load}`
  say(`${isHeld(one) ? "ok  " : "FAIL"} ${name}: ${JSON.stringify(figures)}`)
  if (isHeld(one) && one.proof.expects === "green") return
  for (const violation of violations) say(`       ${violation}`)
}

/** How long one may take that begins now, and what it means when it takes longer. */
function patience(ms?: number): { ms: number; end: Error } {
  if (!options.short) return { ms: HANGS_MS, end: new Error(`it hung for ${HANGS_MS / 1000} s`) }
  const left = ms ?? Math.max(0, SHORT_MS - (performance.now() - began))
  return { ms: left, end: new Skipped(`there is no more time for it in the ${SHORT_MS / 1000} s of the short form`) }
}

/** A proof that cannot be carried out has proven nothing. Null when it was skipped. */
async function seen({ proof: { name, expects }, database }: Task, ms?: number): Promise<Shown | null> {
  const form = options.short ? "short" : "full"
  const limit = patience(ms)
  const start = performance.now()
  const loads = [loadNow()]
  const look = setInterval(() => loads.push(loadNow()), LOOK_MS)
  const order = { name, form, database, seed: Number(options.seed) } as const
  const tellOf = (line: string) => say(`  ${name}, ${database}: ${line.trim()}`)
  const evidence = await carriedOut(order, { say: tellOf, patience: limit }).catch((error: unknown) =>
    error instanceof Skipped ? error : unable(expects, error),
  )
  clearInterval(look)
  if (evidence instanceof Skipped) {
    say(`skip ${name}, ${database}: ${evidence.message}`)
    return null
  }
  const load = mean(loads)
  const { figures, late = [] } = evidence
  if (load >= BUSY) for (const one of late) tellOf(`on a machine too busy to tell: ${one}`)
  const violations = [...evidence.violations, ...(load < BUSY ? late : [])]
  const more = violations.length > MOST ? [`and ${violations.length - MOST} more`] : []
  return {
    proof: { name, expects },
    database,
    form,
    when,
    seconds: (performance.now() - start) / 1000,
    load,
    evidence: { figures, violations: [...violations.slice(0, MOST), ...more] },
  }
}

/** In the little time of the short form it may also be the machine that is too slow; the full form has the time. */
function unable(expects: Proof["expects"], error: unknown): Evidence | Skipped {
  if (options.short) return new Skipped(`it could not be carried out: ${String(error).slice(0, 500)}`)
  const violation = `it could not be carried out: ${String(error).slice(0, 500)}`
  return { figures: {}, violations: expects === "red" ? [] : [violation] }
}

function mean(loads: number[]): number {
  return Math.round((10 * loads.reduce((sum, load) => sum + load, 0)) / loads.length) / 10
}

/** Processes that want a processor, for each there is. */
function loadNow(): number {
  return (loadavg()[0] ?? 0) / availableParallelism()
}

function whereAndWhen(): string[] {
  const [at, commit, ...rest] = circumstances().split(", ")
  return [`${at}, ${commit}`, ...rest]
}

const broken = shown.filter((one) => !isHeld(one))
const all = known(reportNow())
for (const promised of PROMISES) say(`${standing(promised, all, databases).padEnd(13)} ${promised.promise}`)
if (isWritten) say(`written to ${PAGE}`)
say(`${Math.round((performance.now() - began) / 1000)} s`)
say(`${shown.length - broken.length} passed, ${broken.length} failed, ${tasks().length - shown.length} skipped`)
process.exit(broken.length === 0 ? 0 : 1)
