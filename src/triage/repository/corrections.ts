/**
 * Corrections: a person who labels or assigns an issue anew, after triage did, has said what is right. That word is kept
 * beside the decision and counts for the next issue like it. What a bot did is nobody's word, and what we did ourselves
 * agrees with the decision, so it changes nothing. What was still asked about the issue is withdrawn: nobody can approve by
 * mistake what a person has set right.
 */
import { z } from "zod"
import type { Tx } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"
import type { Decision, Decisions } from "../decisions/decisions.ts"
import { kindOf } from "./labels.ts"

/** Something that was done to an issue, and how it was afterwards. */
export interface IssueChange {
  repo: string
  number: number
  /** `labeled`, `unlabeled`, `assigned`, `unassigned`; anything else is no correction. */
  action: string
  /** The one put on or taken off. */
  label?: string
  labels: readonly string[]
  assignees: readonly string[]
  senderIsBot: boolean
  at: Date
}

type Heard = "corrected" | "withdrawn" | "reassigned"

export interface Corrections {
  /** What the change says about the newest decision; null when nothing, or nothing new. */
  hear(tx: Tx, change: IssueChange): Promise<Heard | null>
  /** Everything up to this time was heard; null when nothing was. */
  heardUntil(repo: string, number: number): Promise<Date | null>
  /** Everything up to `at` was heard. */
  mark(tx: Tx, issue: { repo: string; number: number; at: Date }): Promise<void>
}

/** Later than this an issue has moved on, and its labels say something else. */
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

  async function keep(tx: Tx, { id, repo, number }: Decision, said: Said): Promise<Heard> {
    await decisions.supersede(tx, repo, number)
    if (said.heard === "corrected") await decisions.correct(tx, id, said.kind)
    else if (said.heard === "reassigned") await decisions.reassign(tx, id, said.login)
    else await decisions.withdraw(tx, id)
    return said.heard
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
      const said = saidBy(change, decision)
      return said && (await keep(tx, decision, said))
    },
  }
}

type Said =
  | { heard: "corrected"; kind: NonNullable<Decision["correctedTo"]> }
  | { heard: "withdrawn" }
  | { heard: "reassigned"; login: string }

function saidBy(change: IssueChange, decision: Decision): Said | null {
  if (change.action === "labeled") return labelled(change, decision)
  if (change.action === "unlabeled") return unlabelled(change, decision)
  return change.action === "assigned" || change.action === "unassigned" ? assigned(change.assignees, decision) : null
}

function labelled({ label = "" }: IssueChange, { kind, correctedTo, state }: Decision): Said | null {
  const said = kindOf([label])
  if (!said || (said === (correctedTo ?? kind) && state !== "declined")) return null
  return { heard: "corrected", kind: said }
}

/** Only what the decision says can be taken back; another kind's label that stays says what it is. */
function unlabelled({ label = "", labels }: IssueChange, { kind, correctedTo, state }: Decision): Said | null {
  const current = correctedTo ?? kind
  if (kindOf([label]) !== current || (state === "declined" && correctedTo === null)) return null
  const left = kindOf(labels)
  if (left === current) return null
  return left ? { heard: "corrected", kind: left } : { heard: "withdrawn" }
}

function assigned(assignees: readonly string[], { assignee, correctedAssignee }: Decision): Said | null {
  const current = correctedAssignee ?? assignee
  const [login] = assignees
  if (current === null || login === undefined) return null
  if (assignees.some((one) => one.toLowerCase() === current.toLowerCase())) return null
  return { heard: "reassigned", login }
}

/** Whether what is on the issue now is something else than what was decided: a reason to ask who changed it. */
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
