/**
 * Issues: how well past decisions of a repository foretell the kind of its next issues, without a model (NLBSE 2024 issue
 * reports). Counted as that contest counts: F1 of the three kinds, averaged in each repository, and the mean of the
 * repositories, over as many issues of one kind as of another. The data is no part of the project: without it there are no figures.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parse } from "csv-parse/sync"
import { z } from "zod"
import { train } from "../../src/triage/classify/classifier.ts"
import { best, type Kind } from "../../src/triage/classify/kind.ts"

const DATA = fileURLToPath(new URL("../../../shared/data/nlbse24-train.csv", import.meta.url))
const LABELS = ["bug", "feature", "question"] as const
const FOLDS = 10
/** Share of a repository's issues of one kind that come before the others. */
const PAST = 0.8

const report = z
  .object({ repo: z.string(), created_at: z.string(), label: z.enum(LABELS), title: z.string(), body: z.string() })
  .transform(({ label, ...rest }) => ({ kind: label, ...rest }))
type Report = z.output<typeof report>

interface Guess {
  truth: Kind
  said: Kind
  share: number
}

export interface IssueFigures {
  /** 0 to 1. */
  macroF1: number
  /** Share that is right among the surest 20 % and 50 % of all repositories. */
  rightAt20: number
  rightAt50: number
}

/** Why there are no figures; undefined when the data is there. */
export const noIssues = existsSync(DATA) ? undefined : "NLBSE's issue reports are not beside the project"

/**
 * `folds`: each tenth of a repository is foretold from the other nine. `byTime`: the newest fifth of each kind is foretold
 * from what came before it. Null without the data.
 */
export function benchIssues(): { folds: IssueFigures; byTime: IssueFigures } | null {
  if (noIssues !== undefined) return null
  const all = z.array(report).parse(parse(readFileSync(DATA, "utf8"), { columns: true }))
  const repos = [...Map.groupBy(all, ({ repo }) => repo).values()]
  return { folds: figuresOf(repos.map(inFolds)), byTime: figuresOf(repos.map(inTime)) }
}

function inFolds(reports: Report[]): Guess[] {
  const placed = ofEachKind(reports).flatMap((kind) => kind.map((one, at) => ({ one, fold: at % FOLDS })))
  return Array.from({ length: FOLDS }, (_, now) => {
    const { past = [], next = [] } = Object.groupBy(placed, ({ fold }) => (fold === now ? "next" : "past"))
    return foretell(
      past.map(({ one }) => one),
      next.map(({ one }) => one),
    )
  }).flat()
}

function inTime(reports: Report[]): Guess[] {
  const parts = ofEachKind(reports).map((kind) => {
    const cut = Math.round(kind.length * PAST)
    return { past: kind.slice(0, cut), next: kind.slice(cut) }
  })
  return foretell(
    parts.flatMap(({ past }) => past),
    parts.flatMap(({ next }) => next),
  )
}

/** Oldest first within each kind. */
function ofEachKind(reports: Report[]): Report[][] {
  const sorted = reports.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))
  return LABELS.map((label) => sorted.filter(({ kind }) => kind === label))
}

function foretell(past: Report[], next: Report[]): Guess[] {
  const classifier = train(past)
  return next.map((one) => {
    const { kind, share } = best(classifier.shares(one))
    return { truth: one.kind, said: kind, share }
  })
}

function figuresOf(repos: Guess[][]): IssueFigures {
  const surest = repos.flat().sort((a, b) => b.share - a.share)
  const rightAt = (coverage: number) =>
    mean(surest.slice(0, Math.round(surest.length * coverage)), ({ truth, said }) => Number(truth === said))
  return { macroF1: mean(repos, macroF1), rightAt20: rightAt(0.2), rightAt50: rightAt(0.5) }
}

function macroF1(guesses: Guess[]): number {
  return mean(LABELS, (kind) => {
    const hits = guesses.filter(({ truth, said }) => truth === kind && said === kind).length
    const wrong = guesses.filter(({ truth, said }) => (truth === kind) !== (said === kind)).length
    return (2 * hits) / (2 * hits + wrong)
  })
}

function mean<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((sum, one) => sum + of(one), 0) / all.length
}
