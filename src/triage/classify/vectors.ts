/**
 * Vectors: issues as rows for the regression. Title and body are two blocks of unit length, in which a word counts more the
 * rarer it is in the past of this repository (sublinear TF-IDF). The shares of the rules and the form of the text are columns
 * of their own.
 */
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import type { IssueText } from "./kind.ts"
import type { Row } from "./regression.ts"
import { guess } from "./rules.ts"
import { blocksOf, type WordCounts } from "./words.ts"

export interface Vectors {
  columnCount: number
  /** A row for the regression. */
  row(issue: IssueText): Row
  /** Cosine similarity of the words of two issues, 0 to 1. Titles and bodies count half each. */
  similarity(a: IssueText, b: IssueText): number
}

/** The regression learns only from words in at least this many issues. The similarity of two issues uses every word. */
const MIN_ISSUES = 2
/** Weight of the form of the text beside its words. */
const FORM = 0.5

interface Column {
  at: number
  rarity: number
}

export function vectorsOf(issues: readonly IssueText[]): Vectors {
  const { columns, learnable } = columnsOf(issues)
  return {
    columnCount: learnable + FORMS,
    row(issue) {
      const { title, body } = blocksOf(issue)
      const words = [title, body].flatMap((block) => [...scaled(weigh(block, columns, learnable))])
      const forms = form(issue).map((value, i): [number, number] => [learnable + i, value * FORM])
      const cells = [...words, ...forms]
      return { at: Int32Array.from(cells, ([at]) => at), value: Float64Array.from(cells, ([, value]) => value) }
    },
    similarity(a, b) {
      const [one, two] = [blocksOf(a), blocksOf(b)]
      const alike = (x: WordCounts, y: WordCounts) =>
        dot(scaled(weigh(x, columns, columns.size)), scaled(weigh(y, columns, columns.size)))
      return (alike(one.title, two.title) + alike(one.body, two.body)) / 2
    },
  }
}

/** A column for each word. The words that the regression learns from have the lowest numbers. */
function columnsOf(issues: readonly IssueText[]): { columns: Map<string, Column>; learnable: number } {
  const spread = new Map<string, number>()
  for (const issue of issues) {
    const { title, body } = blocksOf(issue)
    for (const name of [...title.keys(), ...body.keys()]) spread.set(name, (spread.get(name) ?? 0) + 1)
  }
  const names = [...spread].sort(([, a], [, b]) => Number(b >= MIN_ISSUES) - Number(a >= MIN_ISSUES))
  const columns = new Map(
    names.map(([name, count], at) => [name, { at, rarity: Math.log((1 + issues.length) / (1 + count)) + 1 }]),
  )
  return { columns, learnable: names.filter(([, count]) => count >= MIN_ISSUES).length }
}

/** The TF-IDF weight of each word whose column is below `end`, by column. */
function weigh(counts: WordCounts, columns: ReadonlyMap<string, Column>, end: number): Map<number, number> {
  const weights = new Map<number, number>()
  for (const [name, count] of counts) {
    const known = columns.get(name)
    if (known && known.at < end) weights.set(known.at, (1 + Math.log(count)) * known.rarity)
  }
  return weights
}

/** The columns that every issue has: a constant, the shares of the rules, and the form of the text. */
function form(issue: IssueText): number[] {
  const { shares } = guess(issue)
  const { title, body } = issue
  return [
    1,
    ...ISSUE_KINDS.map((kind) => shares[kind]),
    Number(/\?\s*$/.test(title)),
    Math.min(1, (body.match(/\?/g)?.length ?? 0) / 4),
    Number(/```|^ {4}\S/m.test(body)),
    Number(/Traceback|^\s+at .+:\d+|\b\w*(?:Error|Exception)\b/m.test(body)),
    Math.min(1, Math.log10(1 + body.length) / 4),
    Number(/\bv?\d+\.\d+(?:\.\d+)?\b/.test(body)),
  ]
}

const FORMS = 1 + ISSUE_KINDS.length + 6

function scaled(weights: Map<number, number>): Map<number, number> {
  const length = Math.sqrt([...weights.values()].reduce((sum, weight) => sum + weight * weight, 0))
  return length === 0 ? weights : new Map([...weights].map(([at, weight]) => [at, weight / length]))
}

function dot(a: Map<number, number>, b: Map<number, number>): number {
  let sum = 0
  for (const [at, weight] of a) sum += weight * (b.get(at) ?? 0)
  return sum
}
