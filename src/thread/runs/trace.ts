/**
 * Runs: one piece of work as people look at it: what set it off, each step with its cost, what was put in front of
 * the model, and what was answered. Only reads; it shows what the journal says and leaves nothing out.
 */
import { type SQL, sql } from "drizzle-orm"
import type { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Label } from "../../base/label.ts"
import { contextSchema, type RUN_STATES } from "../../contract/conversation/runs.ts"
import type { Tx } from "../../db/db.ts"
import { entriesOf } from "../../journal/journal.ts"
import type { ApprovalState } from "../approvals/words.ts"
import { type RunStep, stepsFrom } from "./trace-steps.ts"

export type RunState = (typeof RUN_STATES)[number]

export interface RunSummary {
  id: string
  threadId: string
  channel: string
  threadKey: string
  /** Of the trigger: message, command, issue, due. */
  kind: string
  state: RunState
  model: string | null
  /** What set it off, at most 200 characters. */
  trigger: string
  attempts: number
  error: { code: string; message: string } | null
  startedAt: Date
  endedAt: Date | null
  /** Milliseconds; null while it works or waits. */
  durationMs: number | null
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  /** US dollars; null when the price of one of its calls is not known. */
  costUsd: number | null
}

export interface RunEvent {
  id: string
  seq: number
  kind: string
  source: string
  state: string
  label: Label
  payload: unknown
  receivedAt: Date
}

export interface RunReply {
  id: string
  channel: string
  target: string
  text: string
  state: string
  providerId: string | null
  attempts: number
  /** `repeat`: it may have been sent before. */
  error: { code: string; message?: string; repeat?: boolean } | null
  createdAt: Date
  sentAt: Date | null
}

export interface ApprovalRecord {
  code: string
  kind: "approval" | "uncertain"
  tool: string
  args: string
  display: string
  state: ApprovalState
  answeredVia: string | null
  answeredAt: Date | null
  createdAt: Date
  expiresAt: Date
  runId: string
  threadId: string
}

/** What the note `context` of a run holds: the prompt by section, and the memories that were recalled into it. */
export type ContextNote = z.output<typeof contextSchema>

export interface RunDetail extends RunSummary {
  codeVersion: string
  label: Label
  events: RunEvent[]
  steps: RunStep[]
  /** Null when the run made no prompt (a command, or it has not got there yet). */
  context: ContextNote | null
  questions: ApprovalRecord[]
  replies: RunReply[]
}

export interface RunFilter {
  limit: number
  /** Id of a run: only older ones. */
  before?: string | undefined
  state?: RunState | undefined
  threadId?: string | undefined
}

/** Newest first. */
export function listRuns(tx: Tx, { limit, before, state, threadId }: RunFilter): Promise<RunSummary[]> {
  const older = sql`(runs.started_at, runs.id) < (select started_at, id from runs where id = ${before ?? null}::uuid)`
  return summaries(
    tx,
    sql`where true ${state ? sql`and runs.state = ${state}` : sql``} ${threadId ? sql`and runs.thread_id = ${threadId}::uuid` : sql``}
      ${before ? sql`and ${older}` : sql``} order by runs.started_at desc, runs.id desc limit ${limit}::int`,
  )
}

function summaries(tx: Tx, which: SQL): Promise<RunSummary[]> {
  return tx.query<RunSummary>(sql`
    select r.id, r.thread_id as "threadId", t.channel, t.key as "threadKey", r.kind, r.state, r.model, r.attempts, r.error,
      left(coalesce(i.payload ->> 'text', i.payload -> 'issue' ->> 'title', i.payload -> 'action' ->> 'text', r.kind), 200) as trigger,
      r.started_at as "startedAt", r.ended_at as "endedAt",
      (extract(epoch from r.ended_at - r.started_at) * 1000)::double precision as "durationMs",
      j.input as "inputTokens", j.cached as "cachedTokens", j.output as "outputTokens", j.cost as "costUsd"
    from (select * from runs ${which}) r
    join threads t on t.id = r.thread_id
    join inbox i on i.id = r.trigger_id
    cross join lateral (
      select coalesce(sum(input_tokens), 0) as input, coalesce(sum(cached_tokens), 0) as cached, coalesce(sum(output_tokens), 0) as output,
        case when bool_or(kind = 'model' and phase = 'outcome' and cost_usd is null) then null else coalesce(sum(cost_usd), 0) end as cost
      from journal where run_id = r.id
    ) j order by r.started_at desc, r.id desc`)
}

/**
 * One run by its id or the beginning of it, at least eight characters. Null when there is none; throws `Reject`: 400 for
 * what is no id, 409 when several runs begin so (ids begin with the time, so runs of one minute share eight characters).
 */
export async function findRun(tx: Tx, id: string): Promise<RunDetail | null> {
  const { first, last } = idRange(id)
  const found = await summaries(tx, sql`where id between ${first}::uuid and ${last}::uuid order by id limit 2`)
  const [run] = found
  if (!run) return null
  if (found.length > 1)
    throw new Reject(409, `several runs begin with ${id}`, { code: "ambiguous", fix: "Give more of the id." })
  const [extra] = await tx.query<{ codeVersion: string; label: Label }>(
    sql`select code_version as "codeVersion", label from runs where id = ${run.id}::uuid`,
  )
  if (!extra) return null
  const steps = stepsFrom(await entriesOf(tx, run.id))
  return {
    ...run,
    ...extra,
    events: await eventsOf(tx, run.id),
    steps,
    context: contextOf(steps),
    questions: await approvalRecords(tx, sql`run_id = ${run.id}::uuid`),
    replies: await repliesOf(tx, run.id),
  }
}

/** Approvals that wait for a person, oldest first. */
export function openApprovalRecords(tx: Tx): Promise<ApprovalRecord[]> {
  return approvalRecords(tx, sql`state = 'open'`)
}

/** The approval that has this code, or the newest that had it. */
export async function approvalByCode(tx: Tx, code: string): Promise<ApprovalRecord | null> {
  const found = await approvalRecords(tx, sql`code = ${code.toUpperCase()}`)
  return found.find((approval) => approval.state === "open") ?? found.at(-1) ?? null
}

function approvalRecords(tx: Tx, which: SQL): Promise<ApprovalRecord[]> {
  return tx.query<ApprovalRecord>(sql`
    select code, kind, tool, args, display, state, answered_via as "answeredVia", answered_at as "answeredAt",
      created_at as "createdAt", expires_at as "expiresAt", run_id as "runId", thread_id as "threadId"
    from approvals where ${which} order by created_at`)
}

function eventsOf(tx: Tx, runId: string): Promise<RunEvent[]> {
  return tx.query<RunEvent>(sql`
    select id, seq, kind, source, state, label, payload, received_at as "receivedAt"
    from inbox where run_id = ${runId}::uuid order by seq`)
}

function repliesOf(tx: Tx, runId: string): Promise<RunReply[]> {
  return tx.query<RunReply>(sql`
    select id, channel, target, body ->> 'text' as text, state, provider_id as "providerId", attempts, error,
      created_at as "createdAt", sent_at as "sentAt"
    from outbox where run_id = ${runId}::uuid order by seq`)
}

function contextOf(steps: RunStep[]): ContextNote | null {
  const note = steps.find((step) => step.kind === "note" && step.name === "context")
  const parsed = contextSchema.safeParse(note?.result)
  return note && parsed.success ? parsed.data : null
}

/** The ids that begin with `id`, as a range of the primary key. */
function idRange(id: string): { first: string; last: string } {
  const hex = id.toLowerCase().replaceAll("-", "")
  if (!/^[0-9a-f]{8,32}$/.test(hex))
    throw new Reject(400, `${id} is no id of a run`, {
      code: "bad_id",
      fix: "Give the id, or at least its first eight characters.",
    })
  return { first: hex.padEnd(32, "0"), last: hex.padEnd(32, "f") }
}
