/**
 * Digest: one day of triage in at most two SMS segments. The database counts and code writes the text; no model ever sees
 * or writes it, so that an issue cannot change what the digest says. When space runs out, the lines that need the person
 * stay and the others go.
 */

import type { Clock } from "../base/clock.ts"
import { fitLines, type Line, measure } from "../channels/sms/segments.ts"
import { ISSUE_KINDS } from "../contract/work/triage.ts"
import type { Db } from "../db/db.ts"
import { dayBounds, dayText } from "../schedule/recurrence/zone.ts"
import { type Approval, openApprovals } from "../thread/approvals/approval.ts"
import { countDay, type DayCounts, type HardIssue } from "./counts.ts"
import { ownLine, strangerLine } from "./sms-line.ts"

export interface Digest {
  /** The text, in the GSM-7 alphabet. */
  text: string
  counts: DayCounts & { approvals: number }
  /** One line for each hard issue; the text shows those that fit. */
  hard: string[]
  /** SMS segments, at most 2. */
  segments: number
}

export interface Digests {
  /**
   * The digest of the local `day` ("2026-11-21") in `zone`.
   * @param note the caller's last line ("(due at 8:00 AM, 40 minutes late)")
   */
  compose(day: string, zone: string, note?: string): Promise<Digest>
}

const SEGMENTS = 2
/** People who are named with their assignments; the rest is summed up. */
const PEOPLE = 5
const APPROVAL_CHARS = 70
const NAMES: Record<(typeof ISSUE_KINDS)[number], string> = {
  bug: "bug",
  feature: "feat",
  question: "question",
  docs: "docs",
}

export function createDigest({ db, clock }: { db: Db; clock: Clock }): Digests {
  return {
    async compose(day, zone, note = "") {
      const [counts, approvals] = await Promise.all([countDay(db, dayBounds(day, zone)), openApprovals(db)])
      const open = approvals.filter((approval) => approval.expiresAt > clock.now())
      const hard = counts.hard.map(hardLine(counts.hard))
      const lines = [
        ...countLines(day, counts),
        ...approvalLines(open),
        ...hard.map((text) => ({ text })),
        ...(note === "" ? [] : [{ text: note, keep: true }]),
      ]
      const { text } = fitLines(lines, SEGMENTS, (dropped) => `+${dropped} more`)
      return { text, counts: { ...counts, approvals: open.length }, hard, segments: measure(text).segments }
    },
  }
}

function countLines(day: string, counts: DayCounts): Line[] {
  const title = `Triage ${dayText(Temporal.PlainDate.from(day))}${counts.demo ? " (demo)" : ""}: `
  if (counts.issues === 0) return [{ text: `${title}no issues`, keep: true }]
  const kinds = ISSUE_KINDS.filter((kind) => counts.kinds[kind] > 0).map(
    (kind) => `${counts.kinds[kind]} ${NAMES[kind]}`,
  )
  return [
    { text: `${title}${counts.issues} ${counts.issues === 1 ? "issue" : "issues"}`, keep: true },
    { text: kinds.join(" "), keep: true },
    ...assignedLines(counts),
  ]
}

function assignedLines({ assigned }: DayCounts): Line[] {
  if (assigned.length === 0) return []
  const named = assigned.slice(0, PEOPLE).map(({ login, count }) => `${ownLine(login, 39)} ${count}`)
  const others = assigned.slice(PEOPLE).reduce((sum, { count }) => sum + count, 0)
  return [{ text: `Assigned: ${[...named, ...(others > 0 ? [`others ${others}`] : [])].join(", ")}` }]
}

function approvalLines(approvals: Approval[]): Line[] {
  const [first] = approvals
  if (first === undefined) return []
  const how = `Needs you: ${approvals.length}, reply ${first.code} OK or ${first.code} NO`
  return [
    { text: how, keep: true },
    ...approvals.map(({ code, display }) => ({ text: `${code} ${ownLine(display, APPROVAL_CHARS)}`, keep: true })),
  ]
}

/** Writes the line of a hard issue. It names the repository when the issues are of several. */
function hardLine(all: HardIssue[]): (issue: HardIssue) => string {
  const several = new Set(all.map((issue) => issue.repo)).size > 1
  return ({ repo, number, title }) => {
    const words = strangerLine(title)
    const where = several ? ownLine(repo.split("/").at(-1) ?? repo, 40) : ""
    return `Hard: ${where}#${number}${words === "" ? "" : ` "${words}"`}`
  }
}
