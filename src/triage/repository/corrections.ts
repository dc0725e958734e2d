/**
 * Corrections: a person who changes the label or the assignee of an issue after triage has corrected the decision. The
 * correction is stored beside the decision and counts for the next similar issue. A change by a bot is no correction, and a
 * change by Vigil itself agrees with the decision, so it changes nothing. Open approvals about the issue are withdrawn, so
 * that nobody approves by mistake what a person has corrected.
 */
import { z } from "zod"
import type { Tx } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"
import type { Decision, Decisions } from "../decisions/decisions.ts"
import { kindOf } from "./labels.ts"

/** A change of an issue at GitHub, and the state of the issue after it. */
export interface IssueChange {
  repo: string
  number: number
  /** `labeled`, `unlabeled`, `assigned`, `unassigned`; anything else is no correction. */
  action: string
  /** The label that was added or removed. */
  label?: string
  labels: readonly string[]
  assignees: readonly string[]
  senderIsBot: boolean
  at: Date
}

type Effect = "corrected" | "withdrawn" | "reassigned"

export interface Corrections {
  /** Takes in a change. Returns its effect on the newest decision; null when it has none, or was taken in before. */
  hear(tx: Tx, change: IssueChange): Promise<Effect | null>
  /** The time up to which all changes of an issue were taken in; null when there were none. */
  heardUntil(repo: string, number: number): Promise<Date | null>
  /** Stores that all changes up to `at` were taken in. */
  mark(tx: Tx, issue: { repo: string; number: number; at: Date }): Promise<void>
}

/** How long after the decision a change counts as a correction. Later the issue has moved on, and its labels mean other things. */
const WINDOW_MS = 30 * 24 * 3600_000
const heardSchema = z.object({ at: z.coerce.date() })

export function createCorrections({
  kv,
  decisions,
}: {
  kv: Pick<Kv, "get" | "set">
  decisions: Pick<Decisions, "forIssue" | "correct" | "withdraw" | "reassign" | "supersede">
}): Corrections {
  const key = (repo: string, number: number) => `heard:${repo.toLowerCase()}#${number}`

  async function heardUntil(repo: string, number: number, via?: Tx): Promise<Date | null> {
    return heardSchema.safeParse((await kv.get("triage", key(repo, number), via))?.value).data?.at ?? null
  }

  async function mark(tx: Tx, { repo, number, at }: { repo: string; number: number; at: Date }): Promise<void> {
    const expiresAt = new Date(at.getTime() + 2 * WINDOW_MS)
    await kv.set(tx, "triage", key(repo, number), { at: at.toISOString() }, { expiresAt })
  }

  async function store(tx: Tx, { id, repo, number }: Decision, correction: Correction): Promise<Effect> {
    await decisions.supersede(tx, repo, number)
    if (correction.effect === "corrected") await decisions.correct(tx, id, correction.kind)
    else if (correction.effect === "reassigned") await decisions.reassign(tx, id, correction.login)
    else await decisions.withdraw(tx, id)
    return correction.effect
  }

  return {
    mark,
    heardUntil: (repo, number) => heardUntil(repo, number),
    async hear(tx, change) {
      if (change.senderIsBot) return null
      const { repo, number, at } = change
      const decision = await decisions.forIssue(repo, number, tx)
      if (!decision || at.getTime() - decision.decidedAt.getTime() > WINDOW_MS) return null
      const heard = await heardUntil(repo, number, tx)
      if (heard && at < heard) return null
      await mark(tx, change)
      const correction = correctionIn(change, decision)
      return correction && (await store(tx, decision, correction))
    },
  }
}

type Correction =
  | { effect: "corrected"; kind: NonNullable<Decision["correctedTo"]> }
  | { effect: "withdrawn" }
  | { effect: "reassigned"; login: string }

function correctionIn(change: IssueChange, decision: Decision): Correction | null {
  if (change.action === "labeled") return labelled(change, decision)
  if (change.action === "unlabeled") return unlabelled(change, decision)
  return change.action === "assigned" || change.action === "unassigned" ? assigned(change.assignees, decision) : null
}

function labelled({ label = "" }: IssueChange, { kind, correctedTo, state }: Decision): Correction | null {
  const named = kindOf([label])
  if (!named || (named === (correctedTo ?? kind) && state !== "declined")) return null
  return { effect: "corrected", kind: named }
}

/** A removed label is a correction only if it is that of the decided kind. The label of another kind that stays names the kind. */
function unlabelled({ label = "", labels }: IssueChange, { kind, correctedTo, state }: Decision): Correction | null {
  const current = correctedTo ?? kind
  if (kindOf([label]) !== current || (state === "declined" && correctedTo === null)) return null
  const left = kindOf(labels)
  if (left === current) return null
  return left ? { effect: "corrected", kind: left } : { effect: "withdrawn" }
}

function assigned(assignees: readonly string[], { assignee, correctedAssignee }: Decision): Correction | null {
  const current = correctedAssignee ?? assignee
  const [login] = assignees
  if (current === null || login === undefined) return null
  if (assignees.some((one) => one.toLowerCase() === current.toLowerCase())) return null
  return { effect: "reassigned", login }
}

/** Whether the labels or assignees of an issue differ from its decision. Then its history tells who changed them. */
export function differs(
  decision: Decision,
  issue: { labels: readonly string[]; assignees: readonly string[] },
): boolean {
  const { kind, correctedTo, labels, state } = decision
  const current = correctedTo ?? kind
  const kinds = issue.labels.flatMap((label) => kindOf([label]) ?? [])
  const isOther = kinds.some((one) => one !== current)
  const isGone = state === "applied" && kinds.length === 0 && labels.some((label) => kindOf([label]) === current)
  const isBack = state === "declined" && kinds.length > 0 && correctedTo === null
  return isOther || isGone || isBack || assigned(issue.assignees, decision) !== null
}
