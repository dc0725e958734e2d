/**
 * Prove: `npm run prove`. Runs each proof on each of its databases and writes `PROMISES.md`. `--short` takes three minutes and
 * only prints; `--only NAME,NAME` and `--database KIND` choose; `--seed N` repeats a run's random choices; `--turns N` is the
 * length of the soak.
 */
import { writeFileSync } from "node:fs"
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
import { isHeld, promisesReport, type Shown, standing } from "./report.ts"
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
  },
})
/** The tests are run by themselves anyway, so the short form leaves them out. */
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
  ...(options.short ? [] : SUITES),
]
const say = (line: string) => void process.stdout.write(`${line}\n`)
const names = options.only?.split(",").map((name) => name.trim())
const unknown = names?.filter((name) => !proofs.some((proof) => proof.name === name)) ?? []
if (unknown.length > 0) {
  process.stderr.write(
    `prove: there is no ${unknown.join(", ")}; there are ${proofs.map(({ name }) => name).join(", ")}\n`,
  )
  process.exit(2)
}

const where = `${circumstances()}, seed ${options.seed}`
say(where)
const shown: Shown[] = []
for (const proof of proofs) {
  if (names && !names.includes(proof.name)) continue
  for (const database of proof.databases) {
    if (options.database && options.database !== database) continue
    const one = await seen(proof, database)
    shown.push(one)
    const { figures, violations } = one.evidence
    say(
      `${isHeld(one) ? "ok  " : "FAIL"} ${proof.name}, ${database}, ${one.seconds.toFixed(0)} s: ${JSON.stringify(figures)}`,
    )
    if (!isHeld(one) || proof.expects === "red")
      for (const violation of violations.slice(0, 5)) say(`       ${violation}`)
  }
}

/** A proof that cannot be carried out has proven nothing. */
async function seen(proof: Proof, database: Setting["database"]): Promise<Shown> {
  const setting: Setting = { form: options.short ? "short" : "full", database, seed: Number(options.seed), say }
  const start = performance.now()
  const evidence = await proof.run(setting).catch((error: unknown) => ({
    figures: {},
    violations: proof.expects === "red" ? [] : [`it could not be carried out: ${String(error).slice(0, 500)}`],
  }))
  return { proof, database, seconds: (performance.now() - start) / 1000, evidence }
}

const broken = shown.filter((one) => !isHeld(one))
for (const vow of VOWS) say(`${standing(vow, shown).padEnd(8)} ${vow.promise}`)
if (!names && !options.database && !options.short) {
  const intro = `# Promises\n\nWritten by \`npm run prove\`: ${where}.`
  writeFileSync(FILE, promisesReport(intro, VOWS, shown))
  say(`written to ${FILE}`)
}
say(`${shown.length - broken.length} passed, ${broken.length} failed, 0 skipped`)
process.exit(broken.length === 0 ? 0 : 1)
