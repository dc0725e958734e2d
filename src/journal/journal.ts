/**
 * Journal: every step of every run, appended and never changed. An append carries its writer's fence: a worker that lost
 * its thread writes nothing. The rows are both the trace that people read and what a resumed run is rebuilt from.
 */
import { type SQL, sql } from "drizzle-orm"
import { Fenced } from "../base/errors.ts"
import type { Tx } from "../db/db.ts"
import { json } from "../db/sql.ts"

/** Proof of holding a thread: compared with the thread's row in the very statement that writes. */
export interface Fence {
  threadId: string
  owner: string
  epoch: number
}

/**
 * What may be done with a step whose outcome is missing after a crash. `pure`, `idempotent`: run again with the same
 * op id. `reconcile`: ask the other side by op id first. `unsafe`: ask a person. `transactional`: the effect is in the
 * database and commits with its outcome, so it cannot be half done.
 */
export type Replay = "pure" | "idempotent" | "reconcile" | "unsafe" | "transactional"
/**
 * `wait` is the step of an approval (src/README.md). The word stays in the rows: the journal is append-only, and each row's hash
 * covers its kind.
 */
export type StepKind = "model" | "tool" | "wait" | "note"
export type Phase = "intent" | "outcome" | "resolution"

export interface Entry {
  /** Number of the step within its run, from 0. */
  n: number
  phase: Phase
  kind: StepKind
  /** Tool, model or note name. */
  name: string
  opId: string
  replay: Replay
  argsHash?: string
  request?: unknown
  result?: unknown
  inputTokens?: number
  cachedTokens?: number
  outputTokens?: number
  /** US dollars; null when unpriced. */
  costUsd?: number | null
}

export interface StoredEntry extends Entry {
  id: number
  at: Date
}

/** What the thread's row says at the moment of a fenced write: whether messages came in, or a stop. */
export interface ThreadNews {
  nextSeq: number
  stopSeq: number
}

/** `(select …)` over the thread's row, locked against a change of owner until commit; empty for a stale worker. */
export function fenced(fence: Fence): SQL {
  return sql`select id, next_seq, stop_seq, history_from from threads
    where id = ${fence.threadId} and owner = ${fence.owner} and epoch = ${fence.epoch} for no key update`
}

/**
 * An insert of `entries` for use inside a larger statement: one row an entry, none when the relation `guard` (a CTE
 * name) is empty.
 */
export function insertEntries(runId: string, fence: Fence, entries: Entry[], guard: string): SQL {
  const rows = entries.map((e) => ({
    n: e.n,
    phase: e.phase,
    kind: e.kind,
    name: e.name,
    op_id: e.opId,
    replay: e.replay,
    args_hash: e.argsHash ?? null,
    request: e.request,
    result: e.result,
    input_tokens: e.inputTokens ?? null,
    cached_tokens: e.cachedTokens ?? null,
    output_tokens: e.outputTokens ?? null,
    cost_usd: e.costUsd ?? null,
  }))
  return sql`insert into journal (run_id, epoch, n, phase, kind, name, op_id, replay, args_hash, request, result,
      input_tokens, cached_tokens, output_tokens, cost_usd)
    select ${runId}::uuid, ${fence.epoch}::bigint, r.* from ${sql.raw(guard)}, jsonb_to_recordset(${json(rows)}) as r(n int, phase text, kind text,
      name text, op_id uuid, replay text, args_hash text, request jsonb, result jsonb, input_tokens int, cached_tokens int,
      output_tokens int, cost_usd double precision)`
}

/** Appends in one statement. Throws `Fenced` when `fence` no longer holds its thread; then nothing was written. */
export async function append(tx: Tx, runId: string, fence: Fence, entries: Entry[]): Promise<ThreadNews> {
  const [news] = await tx.query<ThreadNews>(sql`
    with held as (${fenced(fence)}), written as (${insertEntries(runId, fence, entries, "held")} returning 1)
    select next_seq as "nextSeq", stop_seq as "stopSeq" from held`)
  if (!news) throw new Fenced()
  return news
}

/** A run's entries in the order they were written. */
export function entriesOf(tx: Tx, runId: string): Promise<StoredEntry[]> {
  return tx.query<StoredEntry>(sql`
    select id, n, phase, kind, name, op_id as "opId", replay, args_hash as "argsHash", request, result,
      input_tokens as "inputTokens", cached_tokens as "cachedTokens", output_tokens as "outputTokens",
      cost_usd as "costUsd", at
    from journal where run_id = ${runId} order by id`)
}

/** Rows whose hash does not follow from the row before them, in one run or in all: empty when nobody tampered. */
export function brokenLinks(tx: Tx, runId?: string): Promise<{ id: number; runId: string }[]> {
  return tx.query(sql`
    select id, run_id as "runId" from (
      select id, run_id, hash, prev, lag(hash) over (partition by run_id order by id) as before,
        sha256(coalesce(prev, ''::bytea) || convert_to(
          concat_ws('|', run_id, n, phase, kind, name, op_id, request::text, result::text), 'UTF8')) as expected
      from journal ${runId ? sql`where run_id = ${runId}` : sql``}
    ) chain where hash is distinct from expected or prev is distinct from before`)
}
