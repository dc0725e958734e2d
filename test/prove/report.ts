/**
 * Report: what the proofs saw as `promises.json`, and the page that is made from it, `PROMISES.md`: every promise with what its
 * proofs saw, then the controls that had to fail, then each proof's figures.
 */
import { z } from "zod"
import { markdown, readJson, type Table } from "../bench/report.ts"
import type { Promised } from "./promises.ts"

const shownSchema = z.object({
  proof: z.object({ name: z.string(), expects: z.enum(["green", "red"]) }),
  database: z.string(),
  form: z.enum(["short", "full"]),
  /** `2026-11-22T18:51Z, commit 0355620` */
  when: z.string(),
  seconds: z.number(),
  /** Processes that wanted a processor meanwhile, for each there is; reports of before it was measured have none. */
  load: z.number().optional(),
  evidence: z.object({
    figures: z.record(z.string(), z.union([z.string(), z.number()])),
    violations: z.array(z.string()),
  }),
})

/** What one proof saw on one database. */
export type Shown = z.output<typeof shownSchema>

const reportSchema = z.object({
  /** Of the last run that wrote something. */
  when: z.string(),
  machine: z.string(),
  seed: z.string(),
  /** The last run of all proofs that came to its end. */
  whole: z.object({ when: z.string(), seconds: z.number() }).nullable(),
  shown: z.array(shownSchema),
})
export type Report = z.output<typeof reportSchema>

/** What `promises.json` holds; null when there is none. */
export function readReport(file: string): Report | null {
  return readJson(file, reportSchema)
}

/** A green proof without a violation, a red control with one. */
export function isHeld({ proof, evidence }: Shown): boolean {
  return (evidence.violations.length === 0) === (proof.expects === "green")
}

/** Each proof's databases, by its name; of one that is not in it any will do. */
export type Databases = ReadonlyMap<string, readonly string[]>

/** Where a proof did not run, in words; empty when it ran everywhere. */
function missingOf(name: string, shown: Shown[], databases: Databases): string[] {
  const ran = shown.filter(({ proof }) => proof.name === name).map(({ database }) => database)
  if (ran.length === 0) return [name]
  return (databases.get(name) ?? []).filter((one) => !ran.includes(one)).map((one) => `${name} on ${one}`)
}

/** `not yet` is a promise that has no proof, or one that did not run; `held in short` one whose proofs were not all run in full. */
export function standing(
  promised: Promised,
  shown: Shown[],
  databases: Databases = new Map(),
): "held" | "held in short" | "broken" | "not yet" {
  const own = shown.filter(({ proof }) => promised.proofs.includes(proof.name))
  if (own.some((one) => !isHeld(one))) return "broken"
  const isComplete = promised.proofs.every((name) => missingOf(name, own, databases).length === 0)
  if (promised.proofs.length === 0 || !isComplete || promised.notYet) return "not yet"
  return own.some(({ form }) => form === "short") ? "held in short" : "held"
}

/** `PROMISES.md`. */
export function promisesPage(report: Report, promises: Promised[], databases: Databases = new Map()): string {
  const { shown } = report
  const green = shown.filter(({ proof }) => proof.expects === "green")
  const red = shown.filter(({ proof }) => proof.expects === "red")
  const tables: Table[] = [
    {
      title: "Promises",
      head: ["promise", "goal", "proof", ""],
      lines: promises.map((promised) => [
        promised.promise,
        promised.goal,
        proofOf(promised, shown, databases),
        mark(standing(promised, shown, databases)),
      ]),
    },
    {
      title: "Negative controls",
      note: "The product with one guard taken out. Each must break promises, or the proof beside it could not fail.",
      head: ["control", "database", "what broke", ""],
      lines: red.map((one) => [
        one.proof.name,
        one.database,
        one.evidence.violations.length === 0
          ? "nothing"
          : `${one.evidence.violations.length}, first: ${one.evidence.violations[0]}`,
        isHeld(one) ? "red, as it must be" : "**green: the proof is too weak**",
      ]),
    },
    figuresTable(green),
  ]
  return markdown(introOf(report), tables)
}

function introOf({ when, machine, seed, whole }: Report): string {
  const took = whole ? ` A whole run took ${whole.seconds} s (${whole.when}), its proofs side by side.` : ""
  return `# Promises\n\nWritten by \`npm run prove\`, last on ${when}; ${machine}, seed ${seed}.${took}`
}

function proofOf({ proofs, notYet }: Promised, shown: Shown[], databases: Databases): string {
  const missing = proofs.flatMap((name) => missingOf(name, shown, databases))
  return [
    proofs.join(", "),
    ...(missing.length > 0 ? [`did not run: ${missing.join(", ")}`] : []),
    ...(notYet ? [notYet] : []),
  ]
    .filter((part) => part !== "")
    .join("; ")
}

function mark(state: ReturnType<typeof standing>): string {
  return state === "broken" ? "**broken**" : state
}

function figuresTable(shown: Shown[]): Table {
  return {
    title: "What each proof saw",
    head: ["proof", "database", "figures", "seconds", "load a core", "violations", "when"],
    lines: shown.map(({ proof, database, form, when, seconds, load, evidence }) => [
      proof.name,
      `${database}${form === "short" ? ", short form" : ""}`,
      Object.entries(evidence.figures)
        .map(([what, figure]) => `${what} ${typeof figure === "number" ? figure.toLocaleString("en") : figure}`)
        .join(", "),
      seconds.toFixed(0),
      load === undefined ? "" : load.toFixed(1),
      evidence.violations.length === 0
        ? "none"
        : `${evidence.violations.length}: ${evidence.violations.slice(0, 3).join("; ")}`,
      when,
    ]),
  }
}
