/**
 * Occurrences: one row a due instant, each with an end. What becomes of the instants since the last look is decided
 * here by arithmetic alone, so two workers at the same moment decide the same; the table's key lets one of them win.
 */
import { type SQL, sql } from "drizzle-orm"
import type { Tx } from "../../db/db.ts"
import { json } from "../../db/sql.ts"
import { missed, next } from "../recurrence/recurrence.ts"
import type { Automation } from "./automation.ts"

export type OccurrenceState = "started" | "done" | "failed" | "skipped" | "missed"

export interface Occurrence {
  dueAt: Date
  state: OccurrenceState
  /** Why it was not done. */
  reason: string | null
  startedAt: Date
  endedAt: Date | null
}

interface NewOccurrence {
  dueAt: Date
  state: "started" | "skipped" | "missed"
  reason: string | null
}

/** What a look at an automation settles: its instants, up to where they are settled, and when to look again. */
export interface Settlement {
  rows: NewOccurrence[]
  /** The instant that is run now. */
  run: Date | null
  handledTo: Date
  /** Null when nothing is left. */
  nextAt: Date | null
}

const REPLACED = "a later one ran instead"
const TOO_LATE = "it was too late to catch up"

/** An outage longer than two of these is settled one at a time; longer than any catch-up. */
const WINDOW_MS = 30 * 86_400_000

/**
 * Settles every instant in `(handledTo, now]`; of a paused automation all are skipped. What is more than one settlement
 * holds is settled from the beginning up to `handledTo`, and `nextAt` is then already past.
 */
export function settleOccurrence(automation: Automation, now: Date): Settlement {
  const { recurrence, zone, handledTo, catchUpMs, state } = automation
  const isLong = now.getTime() - handledTo.getTime() > 2 * WINDOW_MS
  const until = isLong ? new Date(handledTo.getTime() + WINDOW_MS) : now
  const due = missed(recurrence, handledTo, until, zone, { catchUpMs: isLong ? -1 : catchUpMs })
  const isFull = due.count > due.missed.length
  const latest = isFull ? null : due.run
  const run = state === "active" ? latest : null
  const lost = run === null && latest !== null ? [...due.missed, latest] : due.missed
  const settledTo = (isFull ? due.missed.at(-1) : undefined) ?? (until > handledTo ? until : handledTo)
  const verdict = verdictOf(state, run ?? due.run)
  return {
    rows: [
      ...lost.map((dueAt) => ({ dueAt, ...verdict })),
      ...(run === null ? [] : [{ dueAt: run, state: "started" as const, reason: null }]),
    ],
    run,
    handledTo: settledTo,
    nextAt: next(recurrence, settledTo, zone),
  }
}

/** `later`: the instant that runs instead of those that are lost. */
function verdictOf(state: Automation["state"], later: Date | null): Pick<NewOccurrence, "state" | "reason"> {
  if (state !== "active") return { state: "skipped", reason: state }
  return { state: "missed", reason: later === null ? TOO_LATE : REPLACED }
}

/** Writes rows for instants that have none; returns the instants (epoch milliseconds) that were new. */
export async function record(tx: Tx, id: number, rows: NewOccurrence[], now: Date): Promise<Set<number>> {
  if (rows.length === 0) return new Set()
  const list = rows.map((row) => ({ due_at: row.dueAt.toISOString(), state: row.state, reason: row.reason }))
  const written = await tx.query<{ dueAt: Date }>(sql`
    insert into occurrences (automation_id, due_at, state, reason, started_at, ended_at)
    select ${id}::bigint, r.due_at, r.state, r.reason, ${now}::timestamptz,
      case when r.state <> 'started' then ${now}::timestamptz end
    from jsonb_to_recordset(${json(list)}) as r(due_at timestamptz, state text, reason text)
    on conflict do nothing returning due_at as "dueAt"`)
  return new Set(written.map((row) => row.dueAt.getTime()))
}

export interface OccurrenceEnd {
  automationId: number
  dueAt: Date
  state: "done" | "failed" | "skipped"
  reason: string | null
  now: Date
}

/** The end of a started occurrence, for the statement that ends its run (it reads `from held`). One that failed may be retried. */
export function endOf(end: OccurrenceEnd): SQL {
  return sql`update occurrences set state = ${end.state}, reason = ${end.reason}::text, ended_at = ${end.now}::timestamptz
    from held where automation_id = ${end.automationId}::bigint and due_at = ${end.dueAt}::timestamptz
      and state in ('started', 'failed')`
}

/** The latest occurrences first. */
export function historyOf(tx: Tx, automationId: number, limit: number): Promise<Occurrence[]> {
  return tx.query<Occurrence>(sql`
    select due_at as "dueAt", state, reason, started_at as "startedAt", ended_at as "endedAt" from occurrences
    where automation_id = ${automationId}::bigint order by due_at desc limit ${limit}::int`)
}
