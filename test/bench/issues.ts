/**
 * Issues: how well past decisions of a repository foretell the kind of its next issues, without a model (NLBSE 2024 issue
 * reports). The data is no part of the project: without it there are no figures.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "csv-parse/sync"
import { z } from "zod"
import { type Example, train } from "../../src/triage/classifier.ts"
import { best, type Kind } from "../../src/triage/kind.ts"
import { createRandom } from "../durability/random.ts"

const DATA = fileURLToPath(new URL("../../../shared/data/nlbse24-train.csv", import.meta.url))
const FOLDS = 10

const report = z.object({
  repo: z.string(),
  created_at: z.string(),
  label: z.enum(["bug", "feature", "question"]),
  title: z.string(),
  body: z.string(),
})
type Report = z.output<typeof report>

interface Guess {
  truth: Kind
  said: Kind
  share: number
}

export interface IssueFigures {
  /** 0 to 1. */
  macroF1: number
  /** Share that is right among the surest 20 % and 50 %. */
  rightAt20: number
  rightAt50: number
}

/** `byTime`: the last fifth of each repository is foretold from what came before. Null without the data. */
export function benchIssues(): { folds: IssueFigures; byTime: IssueFigures } | null {
  if (!existsSync(DATA)) return null
  const all = z.array(report).parse(parse(readFileSync(DATA, "utf8"), { columns: true }))
  const repos = [...Map.groupBy(all, ({ repo }) => repo).values()]
  return { folds: figuresOf(repos.map(inFolds)), byTime: figuresOf(repos.map(inTime)) }
}

const exampleOf = ({ label, title, body }: Report): Example => ({ kind: label, title, body })

function foretell(known: Report[], next: Report[]): Guess[] {
  const classifier = train(known.map(exampleOf))
  return next.map((one) => {
    const { kind, share } = best(classifier.shares(one))
    return { truth: one.label, said: kind, share }
  })
}

function inFolds(reports: Report[]): Guess[] {
  const random = createRandom(1)
  const shuffled = reports.map((one) => ({ one, key: random() })).sort((a, b) => a.key - b.key)
  return Array.from({ length: FOLDS }, (_, fold) =>
    foretell(
      shuffled.filter((_one, n) => n % FOLDS !== fold).map(({ one }) => one),
      shuffled.filter((_one, n) => n % FOLDS === fold).map(({ one }) => one),
    ),
  ).flat()
}

function inTime(reports: Report[]): Guess[] {
  const sorted = reports.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))
  const cut = Math.floor(sorted.length * 0.8)
  return foretell(sorted.slice(0, cut), sorted.slice(cut))
}

/** The mean over repositories, as the data's own contest counts. */
function figuresOf(repos: Guess[][]): IssueFigures {
  const mean = (of: (guesses: Guess[]) => number) => repos.reduce((sum, guesses) => sum + of(guesses), 0) / repos.length
  const all = repos.flat().sort((a, b) => b.share - a.share)
  const rightAt = (coverage: number) => {
    const surest = all.slice(0, Math.round(all.length * coverage))
    return surest.filter(({ truth, said }) => truth === said).length / surest.length
  }
  return { macroF1: mean(macroF1), rightAt20: rightAt(0.2), rightAt50: rightAt(0.5) }
}

function macroF1(guesses: Guess[]): number {
  const kinds = ["bug", "feature", "question"] as const
  const present = kinds.filter((kind) => guesses.some(({ truth }) => truth === kind))
  const scores = present.map((kind) => {
    const hits = guesses.filter(({ truth, said }) => truth === kind && said === kind).length
    const said = guesses.filter((guess) => guess.said === kind).length
    const there = guesses.filter(({ truth }) => truth === kind).length
    return hits === 0 ? 0 : (2 * hits) / (said + there)
  })
  return scores.reduce((sum, score) => sum + score, 0) / scores.length
}
