/** Checker: what the database and the outside hold against each other when all is over. */
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { brokenLinks } from "../../../src/journal/journal.ts"

/** A message that was answered with success. */
export interface Taken {
  channel: "telegram" | "sms" | "web"
  /** `job-7`, in its text. */
  tag: string
}

interface Row {
  tag: string
  /** Rows of the inbox with its text, and those that are done, their runs too. */
  rows: number
  done: number
  /** Of the run that took it; a later one may mention it again. */
  replies: number
  facts: number
  /** Times that its reply was handed to the channel. */
  tries: number
  /** Nobody knows whether its last try arrived. */
  doubt: boolean
  /** Its run was given up after its tries, and a person was told. */
  givenUp: boolean
}

/** @param arrived texts that a channel was given, in order. */
export async function brokenPromises(
  db: Db,
  taken: readonly Taken[],
  arrived: Record<"telegram" | "sms", string[]>,
): Promise<string[]> {
  const rows = new Map((await read(db)).map((row) => [row.tag, row]))
  return [
    ...taken.flatMap(({ channel, tag }) => {
      const row = rows.get(tag)
      if (!row) return [`${tag} was taken and is not in the inbox`]
      if (row.givenUp) return []
      return [...once(row), ...(channel === "web" ? [] : sentOnce(row, arrived[channel]))]
    }),
    ...(["telegram", "sms"] as const).flatMap((channel) => inOrder(channel, taken, arrived[channel])),
    ...(await brokenTables(db)),
  ]
}

function once({ tag, rows, done, replies, facts }: Row): string[] {
  return [
    ...(rows === 1 ? [] : [`${tag} is in the inbox ${rows} times`]),
    ...(done === rows ? [] : [`${tag} did not come to its end`]),
    ...(replies === 1 ? [] : [`${tag} has ${replies} replies`]),
    ...(facts === 1 ? [] : [`what ${tag} does is there ${facts} times`]),
  ]
}

function sentOnce({ tag, tries, doubt }: Row, arrived: readonly string[]): string[] {
  const times = arrived.filter((text) => text.includes(`done ${tag}.`)).length
  if (times === 0 && !doubt) return [`the reply to ${tag} never arrived`]
  return times > Math.max(1, tries) ? [`the reply to ${tag} arrived ${times} times in ${tries} tries`] : []
}

function inOrder(channel: Taken["channel"], taken: readonly Taken[], arrived: readonly string[]): string[] {
  const places = taken
    .filter((one) => one.channel === channel)
    .map(({ tag }) => arrived.findIndex((text) => text.includes(`done ${tag}.`)))
    .filter((place) => place >= 0)
  const isRising = places.every((place, index) => index === 0 || place >= (places[index - 1] ?? 0))
  return isRising ? [] : [`replies by ${channel} arrived out of order`]
}

function read(db: Db): Promise<Row[]> {
  return db.query<Row>(sql`
    with jobs as (
      select substring(payload ->> 'text' from 'job-[0-9]+') as tag, inbox.state, inbox.run_id, runs.state as run_state
      from inbox left join runs on runs.id = run_id where inbox.kind = 'message'
    ), said as (
      select m[1] as tag, run_id, attempts, state from outbox, regexp_matches(body ->> 'text', 'done (job-[0-9]+)\\.', 'g') m
    ), facts as (
      select substring(text from 'job-[0-9]+') as tag from memories where text like 'Fact of job-%'
    )
    select tag, count(*) as rows, count(*) filter (where state = 'done' and run_state = 'done') as done,
      bool_and(state = 'dead' and run_state = 'failed' and exists (
        select 1 from outbox where outbox.run_id = jobs.run_id and dedupe_key like '%:failed:%')) as "givenUp",
      (select count(*) from said where said.tag = jobs.tag and said.run_id = any (array_agg(jobs.run_id))) as replies,
      (select count(*) from facts where facts.tag = jobs.tag) as facts,
      (select coalesce(sum(greatest(attempts, 1)), 0)::int from said where said.tag = jobs.tag) as tries,
      (select coalesce(bool_or(state = 'uncertain'), false) from said where said.tag = jobs.tag) as doubt
    from jobs where tag is not null group by tag`)
}

/** Writers that had lost their thread, two at once on one thread, threads that are still held, and a journal that was bent. */
async function brokenTables(db: Db): Promise<string[]> {
  const [stale, overlapping, held, links] = await Promise.all([
    db.query<{ run: string }>(sql`
      select distinct run_id as run from (select run_id, epoch, max(epoch) over (partition by run_id order by id) as most from journal) j
      where epoch < most`),
    db.query<{ run: string }>(sql`
      select id as run from (select id, started_at, ended_at, max(coalesce(ended_at, 'infinity')) over (
        partition by thread_id order by started_at, id rows between unbounded preceding and 1 preceding) as before from runs) r
      where started_at < before`),
    db.query<{ key: string }>(sql`select key from threads where owner is not null`),
    brokenLinks(db),
  ])
  return [
    ...stale.map(({ run }) => `a worker that had lost its thread wrote to run ${run}`),
    ...overlapping.map(({ run }) => `run ${run} began before the one before it on its thread had ended`),
    ...held.map(({ key }) => `thread ${key} is still held`),
    ...links.map(({ id }) => `journal row ${id} does not follow from the one before it`),
  ]
}
