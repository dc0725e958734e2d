/** Kind: the four things an issue can be, and an issue as a classification reads it. */
import { ISSUE_KINDS } from "../../contract/work/triage.ts"

export type Kind = (typeof ISSUE_KINDS)[number]

/** The words of an issue, all that a classification may go by. */
export interface IssueText {
  title: string
  /** Markdown. */
  body: string
}

/** A share for each kind; they sum to 1. */
export type Shares = Record<Kind, number>

export function sharesOf(values: readonly number[]): Shares {
  const [bug = 0, feature = 0, question = 0, docs = 0] = values
  return { bug, feature, question, docs }
}

/** The likeliest kind and its share. */
export function best(shares: Shares): { kind: Kind; share: number } {
  const kind = ISSUE_KINDS.reduce((top, next) => (shares[next] > shares[top] ? next : top))
  return { kind, share: shares[kind] }
}
