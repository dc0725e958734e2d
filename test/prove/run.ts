/** Prove: `npm run prove`. Runs each proof on each of its databases and says what it saw. */
import type { Evidence, Proof, Setting } from "./proof.ts"

const PROOFS: Proof[] = []

const say = (line: string) => void process.stdout.write(`${line}\n`)
const form: Setting["form"] = process.argv.includes("--short") ? "short" : "full"
const seed = Number(process.env.PROVE_SEED ?? 20_261_122)

const isHeld = (proof: Proof, evidence: Evidence) => (evidence.violations.length === 0) === (proof.expects === "green")

let broken = 0
for (const proof of PROOFS) {
  for (const database of proof.databases) {
    const evidence = await proof.run({ form, database, seed, say })
    if (!isHeld(proof, evidence)) broken++
    say(`${proof.name}, ${database}: ${JSON.stringify(evidence.figures)} ${evidence.violations.join("; ")}`)
  }
}
process.exit(broken === 0 ? 0 : 1)
