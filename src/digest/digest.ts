/**
 * Digest: a day of triage in at most two text messages. Counted by the database and put into words by code alone; no
 * model ever sees or writes it. What needs the person outlasts what does not when space runs out.
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
  /** In the GSM-7 alphabet. */
  text: string
  counts: DayCounts & { approvals: number }
  /** The hard issues as the text may show them. */
  hard: string[]
  /** SMS segments, at most 2. */
  segments: number
}

export interface Digests {
  /**
   * Of the local `day` ("2026-11-21") in `zone`.
   * @param note a last line of the caller's own ("(due at 8:00 AM, 40 minutes late)").
   */
  compose(day: string, zone: string, note?: string): Promise<Digest>
}

const SEGMENTS = 2
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
      const [counts, waits] = await Promise.all([countDay(db, dayBounds(day, zone)), openApprovals(db)])
      const open = waits.filter((wait) => wait.expiresAt > clock.now())
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

function approvalLines(waits: Approval[]): Line[] {
  const [first] = waits
  if (first === undefined) return []
  const how = `Needs you: ${waits.length}, reply ${first.code} OK or ${first.code} NO`
  return [
    { text: how, keep: true },
    ...waits.map(({ code, display }) => ({ text: `${code} ${ownLine(display, APPROVAL_CHARS)}`, keep: true })),
  ]
}

/** The repository is named when there are several. */
function hardLine(all: HardIssue[]): (issue: HardIssue) => string {
  const several = new Set(all.map((issue) => issue.repo)).size > 1
  return ({ repo, number, title }) => {
    const words = strangerLine(title)
    const where = several ? ownLine(repo.split("/").at(-1) ?? repo, 40) : ""
    return `Hard: ${where}#${number}${words === "" ? "" : ` "${words}"`}`
  }
}
