/**
 * Classifier: predicts the kind of an issue from the decisions of its repository. Without decisions the rules count alone;
 * the more decisions there are, the more they count. Training takes a fraction of a second, so a new classifier is made when
 * the decisions change.
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
  /** Number of decisions that it learnt from; 0 while there are too few. */
  learnt: number
  shares(issue: IssueText): Shares
  /** Cosine similarity of the words of two issues, 0 to 1. */
  similarity(a: IssueText, b: IssueText): number
}

/** The rules count as much as this many decisions. */
const RULES_WORTH = 40
const TRUST = 4
/** With fewer decisions nothing is learnt. */
const MIN_LEARNT = 8

/** Trains a classifier on the decided issues of one repository. */
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
  const weight = examples.length / (examples.length + RULES_WORTH)
  return {
    learnt: examples.length,
    similarity,
    shares(issue) {
      const learnt = predict(vectors.row(issue))
      const ruled = guess(issue).shares
      return sharesOf(
        ISSUE_KINDS.map((kind) => weight * (learnt[known.indexOf(kind)] ?? 0) + (1 - weight) * ruled[kind]),
      )
    },
  }
}
