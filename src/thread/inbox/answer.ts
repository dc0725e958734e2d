/**
 * Answer: a person's word on an open question, taken in the same commit as the message that carried it. Compare-and-set on the
 * question's row: the first answer wins, a late one is told what was decided, an expired one how to ask again.
 */
import { sql } from "drizzle-orm"
import type { ApprovalAnswer } from "../../channels/approval-text.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Tx } from "../../db/db.ts"
import { type ApprovalOutcome, type ApprovalState, signature } from "../approvals/words.ts"
import { postNotice } from "../outbox/outbox.ts"
import type { Event } from "./event.ts"
import { type Accepted, insertEvent } from "./insert-event.ts"

interface WaitRow extends ApprovalOutcome {
  id: string
  code: string
  threadId: string
  display: string
  expired: boolean
  /** Of the person who answers now. */
  zone: string | null
}

type ForeignApproval = Pick<WaitRow, "id" | "code">

export interface AnswerInput {
  answer: ApprovalAnswer
  event: Event
  personId: string
  /** For the inbox row. */
  id: string
  now: Date
}

export type Answered = Accepted & {
  /** The thread whose run goes on. */
  wake: string | null
  /** The thread that has something to say back. */
  posted: string | null
}

/** Null when the message answers nothing: then it is an ordinary message. */
export async function answerApproval(tx: Tx, input: AnswerInput): Promise<Answered | null> {
  const waits = await candidates(tx, input)
  const [wait] = waits
  if (!wait) {
    const foreign = await foreignQuestion(tx, input)
    return foreign === null ? null : refuse(tx, input, foreign)
  }
  if (input.answer.loose && (wait.state !== "open" || wait.expired)) return null
  const accepted = await insertEvent(tx, { event: input.event, id: input.id, state: "done", now: input.now })
  if (accepted.duplicate) return { ...accepted, wake: null, posted: null }
  const say = (text: string, about: { approvalId?: string }) => reply(tx, accepted, { text, now: input.now, ...about })
  const about = { approvalId: wait.id }
  if (waits.length > 1) return say(which(waits, wait.code), {})
  const instead = explain(wait, input)
  if (instead) return say(instead, about)
  if (!(await decide(tx, wait, input))) return say(`${wait.code} was just decided.`, about)
  const decided = { ...accepted, wake: wait.threadId, posted: null }
  // Where the run works elsewhere, nothing else would tell the person that their words were taken.
  if (input.answer.verdict !== "change" || wait.threadId === accepted.threadId) return decided
  return { ...(await say(`${wait.code} was not done; your words were passed on.`, about)), wake: wait.threadId }
}

/** Says something to an event that starts no run. */
async function reply(
  tx: Tx,
  { id, threadId }: Accepted,
  post: { text: string; now: Date; approvalId?: string },
): Promise<Answered> {
  await postNotice(tx, { threadId, dedupeKey: `answer:${id}`, repliesTo: id, ...post })
  return { id, threadId, duplicate: false, wake: null, posted: threadId }
}

function which(waits: WaitRow[], code: string): string {
  return `Which one? ${waits.map((wait) => `${wait.code}: ${wait.display}`).join("\n")}\nReply for example ${code} OK.`
}

/** What to say to an answer that decides nothing; null when it decides. */
function explain(wait: WaitRow, { answer: { verdict }, event }: AnswerInput): string | null {
  const { code, display, kind } = wait
  if (wait.state !== "open") return late(wait, event.channel)
  if (wait.expired) return `${code} has expired, so nothing was done. Ask again to redo it.`
  if (verdict === "change" && kind === "uncertain")
    return `${code}: ${display}\nReply ${code} OK if it happened, ${code} AGAIN or ${code} NO.`
  return verdict === "ask" ? `${code}: ${display}\nReply ${code} OK or ${code} NO.` : null
}

/** The questions a reply may mean: the one with its code, or all that are open when it has none. */
function candidates(tx: Tx, { answer, personId, now }: AnswerInput): Promise<WaitRow[]> {
  const which = answer.code ? sql`code = ${answer.code}` : sql`state = 'open' and expires_at > ${now}::timestamptz`
  return tx.query<WaitRow>(sql`
    select id, code, kind, thread_id as "threadId", display, state, expires_at <= ${now}::timestamptz as expired,
      answered_at as at, answered_via as via, (select zone from people where people.id = asked_of) as zone,
      case when answered_by = ${personId}::uuid then 'you' else (select name from people where people.id = answered_by) end as by
    from approvals where asked_of = ${personId}::uuid and ${which}
    order by (state = 'open') desc, created_at desc, id desc limit ${answer.code ? 1 : 10}`)
}

const STATES = { yes: "approved", again: "redo", change: "changed", no: "denied", ask: "open" } as const

async function decide(tx: Tx, wait: WaitRow, { answer, event, personId, id, now }: AnswerInput): Promise<boolean> {
  const state = STATES[answer.verdict]
  const decided = await tx.query(sql`
    with decided as (
      update approvals set state = ${state}, answer = ${answer.words ?? null}::text, answered_by = ${personId}::uuid, answered_via = ${event.channel}, answered_at = ${now}::timestamptz,
        answered_event = ${id}::uuid
      where id = ${wait.id}::uuid and state = 'open' and expires_at > ${now}::timestamptz
      returning thread_id
    )
    update threads set ready_at = least(ready_at, now()) from decided where threads.id = decided.thread_id
    returning threads.id`)
  return decided.length > 0
}

function late(wait: WaitRow, here: ChannelId): string {
  const words: Record<ApprovalState, string> = {
    open: "is open",
    approved: "was already approved",
    denied: "was already denied",
    changed: "was already answered",
    redo: "is already being done again",
    expired: "has expired, so nothing was done. Ask again to redo it",
    cancelled: "was withdrawn, as it was decided elsewhere",
  }
  return `${wait.code} ${words[wait.state]}${signature(wait, wait.zone, here)}.`
}

/** The open approval whose button was pressed and that somebody else must decide; null when there is none. */
async function foreignQuestion(tx: Tx, { answer, event, personId }: AnswerInput): Promise<ForeignApproval | null> {
  if (!answer.code || !event.isPress) return null
  const [open] = await tx.query<ForeignApproval>(sql`
    select id, code from approvals where code = ${answer.code} and state = 'open' and asked_of <> ${personId}::uuid`)
  return open ?? null
}

/** In a group everybody sees the buttons: who presses one that is not for them is told, and no model is asked about it. */
async function refuse(tx: Tx, { event, id, now }: AnswerInput, open: ForeignApproval): Promise<Answered> {
  const accepted = await insertEvent(tx, { event, id, state: "done", now })
  if (accepted.duplicate) return { ...accepted, wake: null, posted: null }
  return reply(tx, accepted, { text: `${open.code} is not yours to decide.`, now, approvalId: open.id })
}
