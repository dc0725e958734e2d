/**
 * Journal: every step of every run. People read it as the trace, and a resumed run is rebuilt from it. Therefore:
 * J1 An entry is never changed or deleted. This file only inserts, and database triggers refuse anything else.
 * J2 A worker that lost its thread writes nothing. The statement that writes also checks the fence.
 * J3 One append writes all of its entries or none, because it is one statement.
 * J4 A step has each phase at most once, so it never has two outcomes. A unique key on run, step and phase holds this.
 * J5 Each entry carries the hash of the entry before it in its run, so a changed or removed entry shows. Removal of the
 *    newest entries alone does not show.
 */
import { type SQL, sql } from "drizzle-orm"
import { Fenced } from "../base/errors.ts"
import type { Tx } from "../db/db.ts"
import { json } from "../db/sql.ts"

/** Proof that a worker holds a thread (J2). The statement that writes compares it with the thread's row. */
export interface Fence {
  threadId: string
  owner: string
  epoch: number
}

/**
 * What to do after a crash with a step that has no outcome. `pure`, `idempotent`: run it again with the same op id.
 * `reconcile`: ask the other side by op id first. `unsafe`: ask a person. `transactional`: run it again, because its effect
 * is in the database and commits together with its outcome.
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
  /** Name of the tool, the model call or the note. */
  name: string
  opId: string
  replay: Replay
  argsHash?: string
  request?: unknown
  result?: unknown
  inputTokens?: number
  cachedTokens?: number
  outputTokens?: number
  /** US dollars; null when the price is unknown, never 0 in its place. */
  costUsd?: number | null
}

export interface StoredEntry extends Entry {
  id: number
  at: Date
}

/** The thread's row at the moment of a fenced write: `nextSeq` grows with each message, `stopSeq` tells the last stop. */
export interface ThreadNews {
  nextSeq: number
  stopSeq: number
}

/** Selects the thread's row and locks it against a change of owner until the commit; no row for a worker that lost it (J2). */
export function fenced(fence: Fence): SQL {
  return sql`select id, next_seq, stop_seq, history_from from threads
    where id = ${fence.threadId} and owner = ${fence.owner} and epoch = ${fence.epoch} for no key update`
}

/**
 * An insert of `entries`, one row each, for use inside a larger statement.
 * @param guard the name of a common table expression with one row; without that row nothing is inserted (J2).
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

/**
 * Appends `entries`. Throws `Fenced` when `fence` no longer holds its thread, and the database's error 23505 when one of
 * them is written already (J4); in both cases nothing was written.
 */
export async function append(tx: Tx, runId: string, fence: Fence, entries: Entry[]): Promise<ThreadNews> {
  // J2, J3: the fence and every insert are one statement.
  const [news] = await tx.query<ThreadNews>(sql`
    with held as (${fenced(fence)}), written as (${insertEntries(runId, fence, entries, "held")} returning 1)
    select next_seq as "nextSeq", stop_seq as "stopSeq" from held`)
  if (!news) throw new Fenced()
  return news
}

/** All entries of a run, in the order in which they were written. */
export function entriesOf(tx: Tx, runId: string): Promise<StoredEntry[]> {
  return tx.query<StoredEntry>(sql`
    select id, n, phase, kind, name, op_id as "opId", replay, args_hash as "argsHash", request, result,
      input_tokens as "inputTokens", cached_tokens as "cachedTokens", output_tokens as "outputTokens",
      cost_usd as "costUsd", at
    from journal where run_id = ${runId} order by id`)
}

/**
 * Rows whose hash does not follow from their content and the row before them (J5), in one run or in all runs. Empty when
 * nobody tampered. The expression is that of the trigger `chain_journal`.
 */
export function brokenLinks(tx: Tx, runId?: string): Promise<{ id: number; runId: string }[]> {
  return tx.query(sql`
    select id, run_id as "runId" from (
      select id, run_id, hash, prev, lag(hash) over (partition by run_id order by id) as before,
        sha256(coalesce(prev, ''::bytea) || convert_to(
          concat_ws('|', run_id, n, phase, kind, name, op_id, request::text, result::text), 'UTF8')) as expected
      from journal ${runId ? sql`where run_id = ${runId}` : sql``}
    ) chain where hash is distinct from expected or prev is distinct from before`)
}
