/**
 * Approvals: what a person is asked before a call, or about a call whose outcome is unknown.
 * A1 An approval is used once, in the transaction that journals its use. A2 It is used only with the bytes that were shown.
 * A3 Silence is a no: what nobody answered in time expires.
 */
import { type SQL, sql } from "drizzle-orm"
import { Deny } from "../../base/errors.ts"
import type { Db, Tx } from "../../db/db.ts"
import { newCode } from "./code.ts"
import type { ApprovalState } from "./words.ts"

export interface Approval {
  id: string
  code: string
  kind: "approval" | "uncertain"
  tool: string
  args: string
  argsHash: string
  display: string
  state: ApprovalState
  /** What the person wants instead, when the state is `changed`. */
  answer: string | null
  answeredBy: string | null
  answeredVia: string | null
  createdAt: Date
  expiresAt: Date
}

const COLUMNS = sql`id, code, kind, tool, args, args_hash as "argsHash", display, state, answer, answered_by as "answeredBy",
  answered_via as "answeredVia", created_at as "createdAt", expires_at as "expiresAt"`

export async function approvalOf(tx: Tx, runId: string, step: number): Promise<Approval | null> {
  const [approval] = await tx.query<Approval>(
    sql`select ${COLUMNS} from approvals where run_id = ${runId} and step = ${step}`,
  )
  return approval ?? null
}

export function openApprovals(tx: Tx): Promise<Approval[]> {
  return tx.query<Approval>(sql`select ${COLUMNS} from approvals where state = 'open' order by created_at`)
}

/** Marks an approval as used, in the transaction that journals its use. Throws `Deny` when it was used before, or changed. */
export async function consumeApproval(tx: Tx, approval: Approval, now: Date): Promise<void> {
  const used = await tx.query(sql`
    update approvals set used_at = ${now}::timestamptz
    where id = ${approval.id} and state = 'approved' and used_at is null -- A1
      and args = ${approval.args} and args_hash = ${approval.argsHash} -- A2
    returning id`)
  if (used.length === 0) throw new Deny(`approval ${approval.code} was already used`)
}

/** A code that no open approval has. */
export async function freeCode(db: Db, random: () => number): Promise<string> {
  const open = await db.query<{ code: string }>(sql`select code from approvals where state = 'open'`)
  return newCode(random, new Set(open.map((row) => row.code)))
}

/**
 * Takes back the approvals that runs wait for, since what they ask about was decided otherwise: the runs go on as after a no.
 * One that is being answered at this moment is left to its answer: who holds the thread must not wait for it.
 * @param runs a query of their ids
 */
export async function withdrawApprovals(tx: Tx, runs: SQL): Promise<void> {
  await tx.query(sql`
    with open as (
      select id from approvals where state = 'open' and kind = 'approval' and run_id in (${runs}) for no key update skip locked
    ), withdrawn as (
      update approvals set state = 'cancelled' from open where approvals.id = open.id and approvals.state = 'open' returning thread_id
    )
    update threads set ready_at = least(ready_at, now()) where id in (select thread_id from withdrawn)`)
}

/** Closes what is past its time (A3) and makes the threads ready. Returns them. */
export async function expireApprovals(db: Db, now: Date): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    with expired as (
      update approvals set state = 'expired' where state = 'open' and expires_at <= ${now}::timestamptz returning thread_id
    )
    update threads set ready_at = least(ready_at, now()) where id in (select thread_id from expired) returning id`)
  return rows.map((row) => row.id)
}
