/** The commands that need nothing but the thread floor: stop, new, retry, more, status, usage, approvals, why, model. */
import { sql } from "drizzle-orm"
import { restOf } from "../../channels/sms/send.ts"
import type { Db } from "../../db/db.ts"
import { type Spend, spendOf } from "../../journal/spend.ts"
import type { Model } from "../../model/model.ts"
import { openApprovals } from "../../thread/approvals/approval.ts"
import type { RunContext } from "../durable/run-context.ts"
import type { ChatCommand } from "./commands.ts"

export interface BuiltinDeps {
  db: Db
  now: () => Date
  model: Model
  /** On the installation's health, and on what was set by the person who asks. */
  status: (context: RunContext) => Promise<string>
}

export function builtinCommands({ db, now, model, status }: BuiltinDeps): ChatCommand[] {
  return [
    { name: "status", help: "how I am", run: status },
    {
      name: "stop",
      help: "stop what I am doing in this conversation",
      async run(context) {
        const [stopped] = await db.query(sql`
          select 1 from runs where thread_id = ${context.thread.id} and state = 'cancelled' and ended_at >= ${context.run.events[0]?.receivedAt ?? context.now()}::timestamptz limit 1`)
        return stopped ? "Stopped." : "Nothing was running."
      },
    },
    {
      name: "new",
      help: "start a new conversation; what I remember stays",
      async run(context) {
        await db.query(
          sql`update threads set history_from = ${context.run.events[0]?.seq ?? 0}::bigint where id = ${context.thread.id}`,
        )
        return "New conversation. I keep what I remember."
      },
    },
    {
      name: "retry",
      help: "try again what failed",
      async run(context) {
        const again = await retryFailed(db, context.thread.id, context.run.events[0]?.seq ?? 0)
        return again > 0 ? `Trying again: ${again} message${again === 1 ? "" : "s"}.` : "Nothing failed here."
      },
    },
    {
      name: "more",
      help: "the rest of a long answer, by SMS",
      answersPlain: true,
      run: async ({ thread }) =>
        (thread.channel === "sms" ? await restOfAnswer(db, thread.id) : null) ?? "That was all.",
    },
    {
      name: "usage",
      help: "tokens and cost, today and this month",
      // A member sees what their own messages cost, the owner everything.
      run: async ({ person }) => usageText(await spendOf(db, now(), ...(person.role === "owner" ? [] : [person.id]))),
    },
    {
      name: "approvals",
      help: "what waits for your word",
      ownerOnly: true,
      async run() {
        const waits = await openApprovals(db)
        if (waits.length === 0) return "Nothing waits for your word."
        return waits.map((wait) => `${wait.code}: ${wait.display}. Reply ${wait.code} OK or ${wait.code} NO`).join("\n")
      },
    },
    {
      name: "why",
      help: "what I did for the last answer",
      run: async (context) => why(db, context.thread.id),
    },
    {
      name: "model",
      usage: "[name]",
      help: "the model in use, or the one for this conversation",
      ownerOnly: true,
      async run(context, name) {
        if (!name)
          return `Model: ${context.thread.model ?? model.identity.model} (${context.thread.model ? "chosen here" : model.identity.because}).`
        const chosen = name === "default" ? null : name
        await db.query(sql`update threads set model = ${chosen} where id = ${context.thread.id}`)
        return chosen
          ? `This conversation now uses ${chosen}. Undo with /model default`
          : `This conversation uses ${model.identity.model} again.`
      },
    },
  ]
}

/** What was not sent of the thread's last answer. It is read from what was sent, so nothing is kept for it. */
async function restOfAnswer(db: Db, threadId: string): Promise<string | null> {
  const [last] = await db.query<{ target: string; text: string; plain: boolean | null }>(sql`
    select target, body ->> 'text' as text, (body ->> 'plain')::boolean as plain from outbox
    where thread_id = ${threadId} and urgency = 'reply' and body -> 'buttons' is null order by seq desc limit 1`)
  if (last === undefined) return null
  const { target, text, plain } = last
  return restOf({ target, text, ...(plain === true ? { plain } : {}) }) || null
}

async function why(db: Db, threadId: string): Promise<string> {
  const steps = await db.query<{
    run: string
    kind: string
    name: string
    request: { verdict?: { reason: string } } | null
    ok: boolean | null
  }>(sql`
    with last as (
      select id from runs where thread_id = ${threadId} and kind = 'message' and state <> 'running' order by started_at desc limit 1
    )
    select last.id as run, journal.kind, journal.name, intent.request, (journal.result ->> 'ok')::boolean as ok
    from last join journal on journal.run_id = last.id and journal.phase = 'outcome'
      left join journal intent on intent.run_id = journal.run_id and intent.n = journal.n and intent.phase = 'intent'
    order by journal.n`)
  const [first] = steps
  if (!first) return "I have not answered anything here yet."
  const lines = steps.map(({ kind, name, request, ok }) => {
    const verdict = request?.verdict ? ` (${request.verdict.reason})` : ""
    return `- ${kind} ${name}${ok === false ? ": failed" : ""}${verdict}`
  })
  return `${lines.join("\n")}\nThe whole trace: vigil trace ${first.run.slice(0, 13)}`
}

/**
 * Failed runs go on from their journals, so what they finished is not repeated. They wait for nothing, so each is taken up
 * in its turn; a stop said before the wish to retry, at `seq`, no longer counts. Returns how many messages that is.
 */
async function retryFailed(db: Db, threadId: string, seq: number): Promise<number> {
  const events = await db.query(sql`
    with failed as (
      update runs set state = 'waiting', attempts = 0, ended_at = null, error = null
      where thread_id = ${threadId} and state = 'failed' and exists (select 1 from inbox where run_id = runs.id and state = 'dead')
      returning id
    ), ready as (
      update threads set ready_at = now(), stop_seq = case when stop_seq < ${seq}::bigint then 0 else stop_seq end
      where id = ${threadId} and exists (select 1 from failed)
    )
    update inbox set state = 'claimed', ended_at = null from failed where run_id = failed.id and inbox.state = 'dead' returning inbox.id`)
  return events.length
}

function usageText({ month, today }: Spend): string {
  const unpriced = month.unpriced > 0 ? ` ${month.unpriced} calls have no known price and are not in the sum.` : ""
  return `This month: ${month.calls} model calls, ${month.tokens} tokens, $${month.usd.toFixed(4)} (today $${today.usd.toFixed(4)}).${unpriced}`
}
