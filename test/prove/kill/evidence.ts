/** Evidence of one kill loop: the tables as they are after the last process, and the ledger of the workload. */
import { sql } from "drizzle-orm"
import { pageOf } from "../../../src/channels/sms/page.ts"
import type { Db } from "../../../src/db/db.ts"
import { brokenLinks } from "../../../src/journal/journal.ts"
import type { Evidence, JournalRow, Schedule } from "../../durability/evidence.ts"
import { effectsOf } from "../../durability/scripted-model.ts"
import type { Entry } from "../workload/ledger.ts"

/** How a run says that it took too many steps, too many calls or too long. */
const LIMIT = /^I stopped before I was done/

type OfTables = "inbox" | "runs" | "journal" | "outbox" | "waits" | "schedules" | "rows" | "held" | "broken"
type OfLedger = "acknowledged" | "asked" | "labelled" | "arrived" | "verdicts"

export async function evidenceOf(
  db: Db,
  ledger: Entry[],
  rest: Pick<Evidence, "claims" | "wakes" | "crashes">,
): Promise<Evidence> {
  const outside = inLedger(ledger)
  return { ...outside, ...(await inTables(db, outside.acknowledged)), ...rest }
}

function inLedger(ledger: Entry[]): Pick<Evidence, OfLedger> {
  const of = <Kind extends Entry["kind"]>(kind: Kind) =>
    ledger.filter((entry): entry is Extract<Entry, { kind: Kind }> => entry.kind === kind)
  return {
    acknowledged: of("acknowledged"),
    asked: of("asked").map(({ no, op, at }) => ({ no, question: op, at: new Date(at) })),
    labelled: of("label").map(({ issue, at }) => ({ issue, at: new Date(at) })),
    arrived: of("message").map(({ channel, op, text }) => ({ channel, op, text, tags: tagsOf(text) })),
    verdicts: of("verdict"),
  }
}

async function inTables(db: Db, acknowledged: Evidence["acknowledged"]): Promise<Pick<Evidence, OfTables>> {
  const inbox = await db.query<Evidence["inbox"][number] & { text: string | null; issue: string | null }>(sql`
    select external_id as tag, payload ->> 'text' as text, payload -> 'issue' ->> 'number' as issue,
      thread_id as "threadId", seq, kind, state, run_id as "runId" from inbox where state <> 'recorded' order by received_at`)
  const tagged = inbox.map(({ text, issue, ...row }) => ({
    ...row,
    tag: issue ? `issue-${issue}` : (/please do (job-\d+)/.exec(text ?? "")?.[1] ?? row.tag),
  }))
  const outbox = await db.query<Evidence["outbox"][number] & { text: string }>(sql`
    select id, thread_id as "threadId", run_id as "runId", dedupe_key as key, fallback_of is not null as "isFallback", seq, channel, state, attempts,
      body ->> 'text' as text from outbox order by seq`)
  return {
    inbox: tagged,
    runs: await db.query(sql`
      select id, thread_id as "threadId", state, attempts, started_at as "startedAt", ended_at as "endedAt" from runs`),
    journal: await journalOf(db, tagged),
    outbox: outbox.map(({ text, ...row }) => ({
      ...row,
      tags: tagsOf(text),
      firstPage: tagsOf(row.channel === "sms" ? pageOf(text).text : text),
      isLimit: LIMIT.test(text),
    })),
    waits: await db.query(sql`
      select run_id as "runId", state, used_at is not null as "isUsed", (args::jsonb ->> 'number')::int as issue
      from approvals where tool = 'apply_triage'`),
    schedules: await schedulesOf(db),
    rows: await rowsOf(db, acknowledged),
    held: (await db.query<{ key: string }>(sql`select key from threads where owner is not null`)).map(({ key }) => key),
    broken: (await brokenLinks(db)).map(({ id }) => id),
  }
}

async function journalOf(db: Db, inbox: Evidence["inbox"]): Promise<JournalRow[]> {
  const rows = await db.query<Omit<JournalRow, "answer" | "issue"> & { said: string | null }>(sql`
    select run_id as "runId", n, phase, kind, name, epoch, at,
      case when kind = 'model' or name = 'apply_triage' then result::text end as said from journal order by id`)
  const tagOf = new Map(inbox.map(({ runId, tag }) => [runId, tag]))
  return rows.map(({ said, ...row }) => {
    const answer = row.kind === "model" ? /\\?"c\d+[a-z]-(\d+)\\?"|\(answer (\d+)\)/.exec(said ?? "") : null
    const isApplied = row.name === "apply_triage" && /"ok": ?true/.test(said ?? "")
    const issue = isApplied ? Number(tagOf.get(row.runId)?.replace("issue-", "")) : Number.NaN
    return {
      ...row,
      answer: answer ? Number(answer[1] ?? answer[2]) : null,
      issue: Number.isNaN(issue) ? null : issue,
    }
  })
}

async function rowsOf(db: Db, acknowledged: Evidence["acknowledged"]): Promise<Evidence["rows"]> {
  const found = await db.query<{ name: string; times: number }>(sql`
    select action ->> 'text' as name, count(*) as times from automations where action ->> 'text' like 'Reminder number %' group by 1
    union all select text, count(*) from memories where text like 'Fact number %' group by 1`)
  const times = new Map(found.map((row) => [row.name, row.times]))
  return acknowledged.flatMap(({ tag }) => {
    const number = /^job-(\d+)$/.exec(tag)?.[1]
    return effectsOf(Number(number ?? 1)).map((name) => ({ name, tag, times: times.get(name) ?? 0 }))
  })
}

async function schedulesOf(db: Db): Promise<Schedule[]> {
  const rows = await db.query<{
    id: number
    at: string | null
    minutes: number | null
    createdAt: Date
    handledTo: Date
    instants: { dueAt: string; state: string }[]
  }>(sql`
    select id, recurrence ->> 'at' as at, (recurrence ->> 'minutes')::int as minutes, created_at as "createdAt",
      handled_to as "handledTo", (
        select coalesce(jsonb_agg(jsonb_build_object('dueAt', due_at, 'state', state) order by due_at), '[]')
        from occurrences where automation_id = automations.id) as instants
    from automations where recurrence ->> 'kind' in ('once', 'every')`)
  return rows.map(({ id, at, minutes, createdAt, handledTo, instants }) => {
    const everyMs = minutes === null ? null : minutes * 60_000
    const created = createdAt.getTime()
    // Counted from 1970, the first one strictly after it was made.
    const firstAt = everyMs === null ? new Date(at ?? created) : new Date((Math.floor(created / everyMs) + 1) * everyMs)
    return {
      id,
      everyMs,
      firstAt,
      handledTo,
      instants: instants.map((one) => ({ ...one, dueAt: new Date(one.dueAt) })),
    }
  })
}

/** Jobs that a reply says are done. */
function tagsOf(text: string): string[] {
  return [...text.matchAll(/done (job-\d+) \(/g)].map((match) => match[1] ?? "")
}
