/**
 * Classifier: what the decisions of one repository teach about its next issue. The rules speak first; the more decisions
 * there are, the more those count. Trained in a fraction of a second, so it is made anew when decisions change.
 */
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import { type IssueText, type Kind, type Shares, sharesOf } from "./kind.ts"
import { fitRegression } from "./regression.ts"
import { guess } from "./rules.ts"
import { vectorsOf } from "./vectors.ts"

/** An issue whose kind is known. */
export interface Example extends IssueText {
  kind: Kind
}

export interface Classifier {
  /** How many decisions it learnt from; 0 while there are too few to learn from. */
  learnt: number
  shares(issue: IssueText): Shares
  /** Cosine of the words of two issues, 0 to 1. */
  similarity(a: IssueText, b: IssueText): number
}

/** What the rules' word is worth, counted in decisions. */
const RULES_WORTH = 40
const TRUST = 4
const MIN_LEARNT = 8

export function train(examples: Example[]): Classifier {
  const vectors = vectorsOf(examples)
  const { similarity } = vectors
  const known = ISSUE_KINDS.filter((kind) => examples.some((example) => example.kind === kind))
  if (examples.length < MIN_LEARNT || known.length < 2) {
    return { learnt: 0, similarity, shares: (issue) => guess(issue).shares }
  }
  const predict = fitRegression({
    rows: examples.map((example) => vectors.row(example)),
    classes: examples.map((example) => known.indexOf(example.kind)),
    classCount: known.length,
    columnCount: vectors.columnCount,
    trust: TRUST,
  })
  const own = examples.length / (examples.length + RULES_WORTH)
  return {
    learnt: examples.length,
    similarity,
    shares(issue) {
      const learnt = predict(vectors.row(issue))
      const ruled = guess(issue).shares
      return sharesOf(ISSUE_KINDS.map((kind) => own * (learnt[known.indexOf(kind)] ?? 0) + (1 - own) * ruled[kind]))
    },
  }
}
