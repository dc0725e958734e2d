/**
 * Occurrences: one row for each due instant, and every row gets an end. Arithmetic alone decides what happens with the
 * instants since the last settlement, so two workers at the same moment decide the same. The key of the table lets only
 * one of them write.
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
  /** Why the occurrence was not done; null when it was. */
  reason: string | null
  startedAt: Date
  endedAt: Date | null
}

interface NewOccurrence {
  dueAt: Date
  state: "started" | "skipped" | "missed"
  reason: string | null
}

/** The settlement of an automation's due instants at one moment. */
export interface Settlement {
  /** One row for each instant that is settled. */
  rows: NewOccurrence[]
  /** The instant that runs now. */
  run: Date | null
  /** Every instant up to this one is settled. */
  handledTo: Date
  /** The next due instant; null when there is none. */
  nextAt: Date | null
}

const REPLACED = "a later one ran instead"
const TOO_LATE = "it was too late to catch up"

/** An outage longer than two windows is settled window by window. A window is longer than any catch-up time. */
const WINDOW_MS = 30 * 86_400_000

/**
 * Settles every instant in `(handledTo, now]`. All instants of a paused automation are skipped. When there are more instants
 * than one settlement holds, it settles the first ones, up to its own `handledTo`; its `nextAt` is then in the past, so that
 * the automation is due again at once.
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

/** How the instants that do not run end. @param later the instant that runs instead of them */
function verdictOf(state: Automation["state"], later: Date | null): Pick<NewOccurrence, "state" | "reason"> {
  if (state !== "active") return { state: "skipped", reason: state }
  return { state: "missed", reason: later === null ? TOO_LATE : REPLACED }
}

/** Writes a row for each instant that has none; returns the instants (epoch milliseconds) whose rows are new. */
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

/**
 * The SQL that ends an occurrence, as a part of the statement that ends its run; it reads that statement's `held`. A
 * failed occurrence may end again, because it may be retried.
 */
export function endOf(end: OccurrenceEnd): SQL {
  return sql`update occurrences set state = ${end.state}, reason = ${end.reason}::text, ended_at = ${end.now}::timestamptz
    from held where automation_id = ${end.automationId}::bigint and due_at = ${end.dueAt}::timestamptz
      and state in ('started', 'failed')`
}

/** The occurrences of an automation, the latest first. */
export function historyOf(tx: Tx, automationId: number, limit: number): Promise<Occurrence[]> {
  return tx.query<Occurrence>(sql`
    select due_at as "dueAt", state, reason, started_at as "startedAt", ended_at as "endedAt" from occurrences
    where automation_id = ${automationId}::bigint order by due_at desc limit ${limit}::int`)
}
