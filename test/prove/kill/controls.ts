/** Controls: the kill loop against a product with one guard taken out. Each must be found out, by what that guard prevents. */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { testDir } from "../../support/dir.ts"
import type { Evidence, Proof, Setting } from "../proof.ts"
import { FAULTS, type FaultName } from "./faults.ts"
import { planOf } from "./kill-loop.ts"
import { type KillPlan, ODDS, runKillLoop } from "./loop.ts"

interface Control {
  name: string
  fault: FaultName
  /** What the loop finds at least once because of it. */
  symptom: RegExp
  plan: Partial<KillPlan>
  databases: Setting["database"][]
}

/** A faulty product may never come to an end, and what it did shows long before. */
const DRAIN_MS = 20_000

const IMPORT = new URL("./fault-loader.ts", import.meta.url).href

/** Runs the loop on the faulty product. Only violations of the expected kind count; anything else is a failure of its own. */
async function runFaulty(setting: Setting, { fault, symptom, plan }: Control): Promise<Evidence> {
  const place = testDir()
  const mark = join(place.dir, "changed")
  try {
    const { figures, violations } = await runKillLoop(setting, {
      ...planOf({ ...setting, form: "short" }),
      ...plan,
      drainMs: DRAIN_MS,
      imports: [IMPORT],
      env: { PROVE_FAULT: fault, PROVE_MARK: mark },
    })
    const changed = new Set(readFileSync(mark, "utf8").split("\n"))
    const missed = FAULTS[fault].filter(({ file }) => !changed.has(file))
    if (missed.length > 0) throw new Error(`the fault was never loaded: ${missed.map(({ file }) => file).join(", ")}`)
    const found = violations.filter((violation) => symptom.test(violation))
    return {
      figures: { ...figures, "of the expected kind": found.length, others: violations.length - found.length },
      violations: found,
    }
  } finally {
    rmSync(mark, { force: true })
    place.remove()
  }
}

const proofOf = (control: Control): Proof => ({
  name: control.name,
  databases: control.databases,
  expects: "red",
  run: (setting) => runFaulty(setting, control),
})

/** Workers fall asleep past their lease and wake among others. */
export const fenceOff = proofOf({
  name: "no fence",
  fault: "fence",
  symptom: /stale worker/,
  plan: { kills: 10, freezeEvery: 1, victims: ["worker"], thinkingMs: 4000 },
  databases: ["postgres"],
})

/** Answers of GitHub are lost on the way back more often than ever. */
export const intentOff = proofOf({
  name: "no intent",
  fault: "intent",
  symptom: /was labelled|and labelled [2-9] times/,
  plan: { messages: 700, kills: 30, odds: { ...ODDS, lost: 0.4, issues: 0.4 } },
  databases: ["postgres"],
})

/** Only who takes messages in is killed. */
export const ackBeforeCommit = proofOf({
  name: "yes before commit",
  fault: "acknowledge",
  symptom: /was acknowledged and is not in the inbox/,
  plan: { kills: 10, victims: ["web", "all"] },
  databases: ["pglite"],
})
