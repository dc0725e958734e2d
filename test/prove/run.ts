/**
 * Prove: `npm run prove`. Runs each proof on each of its databases and writes `PROMISES.md`. `--short` takes three minutes and
 * only prints; `--only NAME,NAME` and `--database KIND` choose; `--seed N` repeats a run's random choices; `--turns N` is the
 * length of the soak; `--keep` writes the report with what earlier runs saw of the proofs that do not run now.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { circumstances } from "../bench/report.ts"
import { approvals } from "./approvals.ts"
import { crashPoints } from "./crash-points.ts"
import { clockJumps } from "./faults/clock-jumps.ts"
import { databaseRestarts } from "./faults/database-restarts.ts"
import { diskFull } from "./faults/disk-full.ts"
import { gracefulStop } from "./faults/graceful-stop.ts"
import { listenDropped } from "./faults/listen-dropped.ts"
import { proxy } from "./faults/proxy.ts"
import { zombies } from "./faults/zombies.ts"
import { ackBeforeCommit, fenceOff, intentOff } from "./kill/controls.ts"
import { killLoop } from "./kill/kill-loop.ts"
import { powerCuts, stockPglite } from "./power.ts"
import { SUITES, VOWS } from "./promises.ts"
import type { Proof, Setting } from "./proof.ts"
import { isHeld, promisesReport, readReport, type Shown, standing } from "./report.ts"
import { secretsSweep } from "./secrets/sweep.ts"
import { createSoak } from "./soak.ts"

const FILE = fileURLToPath(new URL("../../PROMISES.md", import.meta.url))

const { values: options } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string" },
    database: { type: "string" },
    seed: { type: "string", default: "20261122" },
    turns: { type: "string" },
    keep: { type: "boolean", default: false },
  },
})
const proofs: Proof[] = [
  killLoop,
  fenceOff,
  intentOff,
  ackBeforeCommit,
  crashPoints,
  powerCuts,
  stockPglite,
  zombies,
  gracefulStop,
  databaseRestarts,
  listenDropped,
  proxy,
  diskFull,
  clockJumps,
  createSoak(options.turns === undefined ? undefined : Number(options.turns)),
  approvals,
  secretsSweep,
  ...SUITES,
]
/** Violations that are kept of one proof. */
const MOST = 20
const say = (line: string) => void process.stdout.write(`${line}\n`)
const names = options.only?.split(",").map((name) => name.trim())
const unknown = names?.filter((name) => !proofs.some((proof) => proof.name === name)) ?? []
if (unknown.length > 0) {
  process.stderr.write(
    `prove: there is no ${unknown.join(", ")}; there are ${proofs.map(({ name }) => name).join(", ")}\n`,
  )
  process.exit(2)
}

const [when = "", ...machine] = whereAndWhen()
const isWhole = !names && !options.database && !options.short
const isWritten = isWhole || options.keep
const shown: Shown[] = []
say(`${when}, ${machine.join(", ")}, seed ${options.seed}`)
for (const proof of proofs) {
  // The tests are run by themselves anyway, so the short form leaves them out.
  if (names ? !names.includes(proof.name) : options.short && SUITES.includes(proof)) continue
  for (const database of proof.databases) {
    if (options.database && options.database !== database) continue
    const one = await seen(proof, database)
    shown.push(one)
    tell(one)
    if (isWritten) write()
  }
}

/** After each proof: a run that is stopped keeps what it saw. */
function write(): void {
  const isNew = (old: Shown) => shown.some((one) => one.proof.name === old.proof.name && one.database === old.database)
  // Read again each time: another run may have written meanwhile.
  const kept = options.keep && existsSync(FILE) ? readReport(readFileSync(FILE, "utf8")) : []
  const all = [...kept.filter((old) => !isNew(old)), ...shown]
  const order = (one: Shown) => proofs.findIndex(({ name }) => name === one.proof.name)
  const known = all.filter((one) => order(one) >= 0).sort((a, b) => order(a) - order(b))
  const intro = `# Promises\n\nWritten by \`npm run prove\`, last on ${when}; ${machine.join(", ")}, seed ${options.seed}.`
  writeFileSync(FILE, promisesReport(intro, VOWS, known))
}

function tell(one: Shown): void {
  const { figures, violations } = one.evidence
  const name = `${one.proof.name}, ${one.database}, ${one.seconds.toFixed(0)} s`
  say(`${isHeld(one) ? "ok  " : "FAIL"} ${name}: ${JSON.stringify(figures)}`)
  if (isHeld(one) && one.proof.expects === "green") return
  for (const violation of violations) say(`       ${violation}`)
}

/** A proof that cannot be carried out has proven nothing. */
async function seen(proof: Proof, database: Setting["database"]): Promise<Shown> {
  const form = options.short ? "short" : "full"
  const start = performance.now()
  const evidence = await proof.run({ form, database, seed: Number(options.seed), say }).catch((error: unknown) => ({
    figures: {},
    violations: proof.expects === "red" ? [] : [`it could not be carried out: ${String(error).slice(0, 500)}`],
  }))
  const { name, expects } = proof
  const { figures, violations } = evidence
  const more = violations.length > MOST ? [`and ${violations.length - MOST} more`] : []
  return {
    proof: { name, expects },
    database,
    form,
    when,
    seconds: (performance.now() - start) / 1000,
    evidence: { figures, violations: [...violations.slice(0, MOST), ...more] },
  }
}

function whereAndWhen(): string[] {
  const [at, commit, ...rest] = circumstances().split(", ")
  return [`${at}, ${commit}`, ...rest]
}

const broken = shown.filter((one) => !isHeld(one))
for (const vow of VOWS) say(`${standing(vow, shown).padEnd(13)} ${vow.promise}`)
if (isWritten) say(`written to ${FILE}`)
say(`${shown.length - broken.length} passed, ${broken.length} failed, 0 skipped`)
process.exit(broken.length === 0 ? 0 : 1)
