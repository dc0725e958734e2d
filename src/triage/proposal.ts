/**
 * Proposal: a pure function from the evidence about an issue to the change of that issue. The caps are here. Whatever a model
 * answers, the result has only allowed labels, at most three. Its assignee is the person on call, or the one to whom a person
 * gave a similar issue, or nobody.
 */
import { best, type Kind } from "./classify/kind.ts"
import type { Decision, Method } from "./decisions/decisions.ts"
import type { Evidence, Similar } from "./decisions/evidence.ts"
import { MAX_REASON, type ModelAnswer } from "./model-answer.ts"
import { choose, kindOf } from "./repository/labels.ts"

/** What an issue has already, and what it may get. */
export interface IssueState {
  labels: string[]
  assignees: string[]
  /** Labels that triage may put on it. */
  allowed: string[]
  /** Login on call; null without a rota. */
  onCall: string | null
}

export interface Proposal {
  kind: Kind
  /** 0 to 1. */
  confidence: number
  reason: string
  method: Method
  /** Whether it is sure enough to be applied without an approval. */
  confident: boolean
  /** Whether a person should look at it. */
  hard: boolean
  /** Labels to add, without those that the issue has already. */
  labels: string[]
  assignee: string | null
  /** Id of the decision about another issue with the same words. */
  reusedFrom: string | null
}

interface Judged {
  kind: Kind
  confidence: number
  reason: string
  method: Method
  /** Labels beside the one of the kind. */
  labels: string[]
  /** A person should look at it, however high the confidence is. */
  isHard?: boolean
  /** No approval is needed, however low the confidence is. */
  settled?: boolean
  reusedFrom?: string
}

export interface IssueInput {
  evidence: Evidence
  issueState: IssueState
  /** The decision about another issue with the same words; null when there is none. */
  twin: Pick<Decision, "id" | "number" | "kind" | "correctedTo" | "correctedAssignee" | "confidence" | "labels"> | null
  /** Null when no model was asked, or its answer did not fit the schema. */
  answer: ModelAnswer | null
  /** Confidence from which on no approval is needed, 0 to 1. */
  threshold: number
}

export function propose(given: IssueInput): Proposal {
  const { issueState, threshold } = given
  const judged = labelled(issueState) ?? repeated(given) ?? fromModel(given) ?? fromPast(given.evidence)
  const confident = judged.settled === true || judged.confidence >= threshold
  const isFree = judged.kind === "bug" && issueState.assignees.length === 0
  const has = new Set(issueState.labels.map((label) => label.toLowerCase()))
  return {
    kind: judged.kind,
    confidence: Math.round(judged.confidence * 100) / 100,
    reason: judged.reason.slice(0, MAX_REASON),
    method: judged.method,
    confident,
    hard: !confident || judged.isHard === true,
    labels: choose(judged.kind, judged.labels, issueState.allowed).filter((label) => !has.has(label.toLowerCase())),
    assignee: isFree ? (givenTo(given) ?? issueState.onCall) : null,
    reusedFrom: judged.reusedFrom ?? null,
  }
}

/** The issue has the label of a kind already: a person, or the form that they filled in, has decided. */
function labelled({ labels }: IssueState): Judged | null {
  const kind = kindOf(labels)
  return (
    kind && { kind, confidence: 1, reason: "It was labelled already.", method: "person", labels: [], settled: true }
  )
}

/** From this similarity on, a person's correction of the past issue counts for the new issue too. */
const ALIKE = 0.5

/**
 * The login to whom a person gave an issue with the same words, or else the most similar issue. Null without a person on
 * call: then nobody is assigned.
 */
function givenTo({ twin, evidence, issueState }: IssueInput): string | null {
  if (issueState.onCall === null) return null
  const [nearest] = evidence.similar
  return twin?.correctedAssignee ?? (nearest && nearest.similarity >= ALIKE ? nearest.correctedAssignee : null)
}

/** The most similar past issue, when a person corrected our decision about it; else null. */
function corrected({ similar }: Evidence): Similar | null {
  const [nearest] = similar
  return nearest?.corrected && nearest.similarity >= ALIKE ? nearest : null
}

function repeated({ twin }: IssueInput): Judged | null {
  if (!twin) return null
  const kind = twin.correctedTo ?? twin.kind
  return {
    kind,
    confidence: twin.correctedTo ? 1 : twin.confidence,
    reason: `The same words as #${twin.number} (${kind}).`,
    method: "neighbours",
    labels: twin.correctedTo ? [] : twin.labels,
    settled: true,
    reusedFrom: twin.id,
  }
}

/** The model's word; a past that is sure of something else makes it a doubt for a person. */
function fromModel({ answer, evidence, threshold }: IssueInput): Judged | null {
  if (!answer) return null
  const { kind, share } = best(evidence.shares)
  const person = corrected(evidence)
  const isOpposed = person
    ? person.kind !== answer.kind
    : evidence.learnt > 0 && kind !== answer.kind && share >= threshold
  return {
    kind: answer.kind,
    confidence: isOpposed ? Math.min(answer.confidence, evidence.shares[answer.kind]) : answer.confidence,
    reason: sentence(
      answer.reason || "The model gave no reason",
      isOpposed ? [] : likes(evidence.similar, answer.kind),
    ),
    method: "model",
    labels: answer.labels,
    isHard: isOpposed || answer.severity === "high",
  }
}

function fromPast(evidence: Evidence): Judged {
  const { shares, learnt, because, similar } = evidence
  const person = corrected(evidence)
  if (person) {
    const reason = `It is much like #${person.number}, which a person made a ${person.kind}.`
    return { kind: person.kind, confidence: person.similarity, reason, method: "neighbours", labels: [], settled: true }
  }
  const { kind, share } = best(shares)
  const reason = because === null ? "Its words sound like it" : `It ${because}`
  return {
    kind,
    confidence: share,
    reason: sentence(reason, likes(similar, kind)),
    method: learnt > 0 ? "neighbours" : "rules",
    labels: [],
  }
}

/** At most two past issues of the same kind, each like "#12 (bug)". */
function likes(similar: readonly Similar[], kind: Kind): string[] {
  return similar
    .filter((past) => past.kind === kind)
    .map((past) => `#${past.number} (${past.kind})`)
    .slice(0, 2)
}

function sentence(reason: string, like: string[]): string {
  const clause = reason.replace(/[.\s]+$/, "")
  return like.length === 0 ? `${clause}.` : `${clause}; like ${like.join(" and ")}.`
}
