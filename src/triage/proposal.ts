/**
 * Proposal: from evidence to what should be done about an issue. Pure, and the place where the caps are: whatever a model
 * said, the result holds labels of the allow-list only, at most three, and the person on call, whom a person gave the like of
 * it, or nobody.
 */

import { best, type Kind } from "./classify/kind.ts"
import type { Decision, Method } from "./decisions/decisions.ts"
import type { Evidence, Similar } from "./decisions/evidence.ts"
import { MAX_REASON, type ModelAnswer } from "./model-answer.ts"
import { choose, kindOf } from "./repository/labels.ts"

/** What the issue has already, and what it may get. */
export interface IssueState {
  labels: string[]
  assignees: string[]
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
  /** Sure enough to be carried out without a person. */
  confident: boolean
  /** Worth a person's look. */
  hard: boolean
  /** What to put on the issue; what it has already is not among them. */
  labels: string[]
  assignee: string | null
  reusedFrom: string | null
}

interface Judged {
  kind: Kind
  confidence: number
  reason: string
  method: Method
  /** Beside the kind's. */
  labels: string[]
  /** A doubt of its own, whatever the confidence. */
  doubt?: boolean
  /** Nobody needs to be asked. */
  settled?: boolean
  reusedFrom?: string
}

export interface IssueInput {
  evidence: Evidence
  terrain: IssueState
  /** The same words, decided before. */
  twin: Pick<Decision, "id" | "number" | "kind" | "correctedTo" | "correctedAssignee" | "confidence" | "labels"> | null
  /** Null when no model was asked, or it gave no answer that fits. */
  answer: ModelAnswer | null
  threshold: number
}

export function propose(given: IssueInput): Proposal {
  const { terrain, threshold } = given
  const judged = labelled(terrain) ?? repeated(given) ?? fromModel(given) ?? fromPast(given.evidence)
  const confident = judged.settled === true || judged.confidence >= threshold
  const isFree = judged.kind === "bug" && terrain.assignees.length === 0
  const has = new Set(terrain.labels.map((label) => label.toLowerCase()))
  return {
    kind: judged.kind,
    confidence: Math.round(judged.confidence * 100) / 100,
    reason: judged.reason.slice(0, MAX_REASON),
    method: judged.method,
    confident,
    hard: !confident || judged.doubt === true,
    labels: choose(judged.kind, judged.labels, terrain.allowed).filter((label) => !has.has(label.toLowerCase())),
    assignee: isFree ? (givenTo(given) ?? terrain.onCall) : null,
    reusedFrom: judged.reusedFrom ?? null,
  }
}

/** A person, or the form they filled in, has said it. */
function labelled({ labels }: IssueState): Judged | null {
  const kind = kindOf(labels)
  return (
    kind && { kind, confidence: 1, reason: "It was labelled already.", method: "person", labels: [], settled: true }
  )
}

/** From this similarity on what a person corrected is taken for the same matter. */
const ALIKE = 0.5

/** Whom a person gave the very same words to, or the issue that is most like it. Where nobody is on call nobody is assigned. */
function givenTo({ twin, evidence, terrain }: IssueInput): string | null {
  if (terrain.onCall === null) return null
  const [nearest] = evidence.similar
  return twin?.correctedAssignee ?? (nearest && nearest.similarity >= ALIKE ? nearest.correctedAssignee : null)
}

/** The past issue that is most like this one, when a person corrected what we had said of it. */
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
    doubt: isOpposed || answer.severity === "high",
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
  const saw = because === null ? "Its words sound like it" : `It ${because}`
  return {
    kind,
    confidence: share,
    reason: sentence(saw, likes(similar, kind)),
    method: learnt > 0 ? "neighbours" : "rules",
    labels: [],
  }
}

/** Which past issues agree: "#12 (bug)". */
function likes(similar: readonly Similar[], kind: Kind): string[] {
  return similar
    .filter((one) => one.kind === kind)
    .map((one) => `#${one.number} (${one.kind})`)
    .slice(0, 2)
}

function sentence(saw: string, like: string[]): string {
  const said = saw.replace(/[.\s]+$/, "")
  return like.length === 0 ? `${said}.` : `${said}; like ${like.join(" and ")}.`
}
