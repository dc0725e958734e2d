/**
 * Decide: a person's answer to an approval, in the transaction that takes their message in. This file decides and says
 * what to tell the person and whom to wake; the inbox does both.
 *
 * D1 An approval is decided once: the row changes only while it is open and its time is not over. The first answer wins.
 * D2 Only the person who was asked decides. Somebody else's button is refused in words; somebody else's words are talk.
 * D3 Nothing is decided in doubt: a bare word decides only while exactly one approval is open.
 * D4 Who answers and decides nothing is told why: what was decided before, or how to ask again.
 */
import { sql } from "drizzle-orm"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import type { ApprovalAnswer } from "./answer-text.ts"
import { type ApprovalOutcome, type ApprovalState, signature } from "./words.ts"

export interface Answering {
  answer: ApprovalAnswer
  personId: string
  channel: ChannelId
  /** Said by a button that was offered, not typed. */
  isPress: boolean
  now: Date
}

interface ApprovalRow extends ApprovalOutcome {
  id: string
  code: string
  threadId: string
  display: string
  expired: boolean
  /** Of the person who answers now. */
  zone: string | null
}

type ForeignApproval = Pick<ApprovalRow, "id" | "code">

/** What an answer is about: the approvals that it may mean, or somebody else's. */
export type Meant = { approvals: [ApprovalRow, ...ApprovalRow[]] } | { foreign: ForeignApproval }

export interface Decided {
  /** For the person who answered, with the approval that it is about unless these are several; null for nothing. */
  say: { text: string; approvalId?: string } | null
  /** The thread whose run goes on. */
  wake: string | null
}

/** Looks up what an answer is about, and changes nothing. Null when it answers nothing: then the message is talk. */
export async function findMeant(tx: Tx, answering: Answering): Promise<Meant | null> {
  const [first, ...more] = await candidates(tx, answering)
  if (!first) {
    const foreign = await foreignApproval(tx, answering)
    return foreign === null ? null : { foreign }
  }
  const isOver = first.state !== "open" || first.expired
  return answering.answer.loose && isOver ? null : { approvals: [first, ...more] }
}

/** @param taken the inbox row of the answer, and the thread it was said on */
export async function decide(
  tx: Tx,
  meant: Meant,
  answering: Answering,
  taken: { inboxId: string; threadId: string },
): Promise<Decided> {
  if ("foreign" in meant) {
    const { id, code } = meant.foreign
    return { say: { text: `${code} is not yours to decide.`, approvalId: id }, wake: null } // D2
  }
  const { approvals } = meant
  const [approval] = approvals
  if (approvals.length > 1) return { say: { text: which(approvals, approval.code) }, wake: null } // D3
  const { id: approvalId } = approval
  const instead = explain(approval, answering) // D4
  if (instead !== null) return { say: { text: instead, approvalId }, wake: null }
  if (!(await close(tx, approval, answering, taken.inboxId)))
    return { say: { text: `${approval.code} was just decided.`, approvalId }, wake: null } // D1
  // Where the run works elsewhere, nothing else would tell the person that their words were taken.
  const isElsewhere = answering.answer.verdict === "change" && approval.threadId !== taken.threadId
  const text = `${approval.code} was not done; your words were passed on.`
  return { say: isElsewhere ? { text, approvalId } : null, wake: approval.threadId }
}

function which(approvals: ApprovalRow[], code: string): string {
  return `Which one? ${approvals.map((one) => `${one.code}: ${one.display}`).join("\n")}\nReply for example ${code} OK.`
}

/** What to say to an answer that decides nothing; null when it decides. */
function explain(approval: ApprovalRow, { answer: { verdict }, channel }: Answering): string | null {
  const { code, display, kind } = approval
  if (approval.state !== "open") return late(approval, channel)
  if (approval.expired) return `${code} has expired, so nothing was done. Ask again to redo it.`
  if (verdict === "change" && kind === "uncertain")
    return `${code}: ${display}\nReply ${code} OK if it happened, ${code} AGAIN or ${code} NO.`
  return verdict === "ask" ? `${code}: ${display}\nReply ${code} OK or ${code} NO.` : null
}

/** The approvals that an answer may mean: the one with its code, or all that are open when it has none. */
function candidates(tx: Tx, { answer, personId, now }: Answering): Promise<ApprovalRow[]> {
  const which = answer.code ? sql`code = ${answer.code}` : sql`state = 'open' and expires_at > ${now}::timestamptz`
  return tx.query<ApprovalRow>(sql`
    select id, code, kind, thread_id as "threadId", display, state, expires_at <= ${now}::timestamptz as expired,
      answered_at as at, answered_via as via, (select zone from people where people.id = asked_of) as zone,
      case when answered_by = ${personId}::uuid then 'you' else (select name from people where people.id = answered_by) end as by
    from approvals where asked_of = ${personId}::uuid and ${which}
    order by (state = 'open') desc, created_at desc, id desc limit ${answer.code ? 1 : 10}`)
}

const STATES = { yes: "approved", again: "redo", change: "changed", no: "denied", ask: "open" } as const

/** Whether this answer was the one that closed it (D1). */
async function close(
  tx: Tx,
  approval: ApprovalRow,
  { answer, channel, personId, now }: Answering,
  event: string,
): Promise<boolean> {
  const state = STATES[answer.verdict]
  const decided = await tx.query(sql`
    with decided as (
      update approvals set state = ${state}, answer = ${answer.words ?? null}::text, answered_by = ${personId}::uuid, answered_via = ${channel}, answered_at = ${now}::timestamptz,
        answered_event = ${event}::uuid
      where id = ${approval.id}::uuid and state = 'open' and expires_at > ${now}::timestamptz
      returning thread_id
    )
    update threads set ready_at = least(ready_at, now()) from decided where threads.id = decided.thread_id
    returning threads.id`)
  return decided.length > 0
}

function late(approval: ApprovalRow, here: ChannelId): string {
  const words: Record<ApprovalState, string> = {
    open: "is open",
    approved: "was already approved",
    denied: "was already denied",
    changed: "was already answered",
    redo: "is already being done again",
    expired: "has expired, so nothing was done. Ask again to redo it",
    cancelled: "was withdrawn, as it was decided elsewhere",
  }
  return `${approval.code} ${words[approval.state]}${signature(approval, approval.zone, here)}.`
}

/**
 * The open approval whose button was pressed and that somebody else must decide; null when there is none. In a
 * group everybody sees the buttons.
 */
async function foreignApproval(tx: Tx, { answer, isPress, personId }: Answering): Promise<ForeignApproval | null> {
  if (!answer.code || !isPress) return null
  const [open] = await tx.query<ForeignApproval>(sql`
    select id, code from approvals where code = ${answer.code} and state = 'open' and asked_of <> ${personId}::uuid`)
  return open ?? null
}
