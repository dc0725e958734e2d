/** Kind: the four kinds of issues, and the text of an issue as the classification reads it. */
import { ISSUE_KINDS } from "../../contract/work/triage.ts"

export type Kind = (typeof ISSUE_KINDS)[number]

/** The words of an issue. The classification reads nothing else of it. */
export interface IssueText {
  title: string
  /** Markdown. */
  body: string
}

/** The probability of each kind; together they are 1. */
export type Shares = Record<Kind, number>

export function sharesOf(values: readonly number[]): Shares {
  const [bug = 0, feature = 0, question = 0, docs = 0] = values
  return { bug, feature, question, docs }
}

/** The most likely kind and its share. */
export function best(shares: Shares): { kind: Kind; share: number } {
  const kind = ISSUE_KINDS.reduce((top, next) => (shares[next] > shares[top] ? next : top))
  return { kind, share: shares[kind] }
}
