/**
 * Fallback: what surely cannot reach a person where it was addressed goes to the next place where they are reached, once,
 * in the commit that records the failure; the last of these places is their mailbox on the web, which cannot fail. What
 * asks for an approval goes there already when nobody knows whether it arrived: a run waits for it, and asked for twice it is
 * decided once.
 */
import { sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import { newId } from "../../base/ids.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import type { People } from "../people/people.ts"
import { codeIn, createOutbox, type Outbox } from "./outbox.ts"

export interface FallbackDeps {
  db: Db
  people: Pick<People, "home">
  /** Channels that can send now. */
  live: ReadonlySet<ChannelId>
  notifier: Pick<Notifier, "notify">
  clock: Clock
}

interface Lost {
  id: string
  personId: string
  /** Where this message was sent already, one after the other. */
  tried: ChannelId[]
}

/** The same outbox, in which nothing fails without a second way. */
export function withFallback(outbox: Outbox, deps: FallbackDeps): Outbox {
  const { db, notifier } = deps

  /** Fails it by `fail`, and puts it where it goes instead; one commit. */
  async function instead<T>(lost: Lost | null, fail: (within: Outbox) => Promise<T>): Promise<T> {
    if (lost === null) return fail(outbox)
    const { threadId } = await deps.people.home(lost.personId, without(deps.live, lost.tried))
    const { result, isPut } = await db.transaction(async (tx) => {
      const failed = await fail(createOutbox(tx))
      return { result: failed, isPut: await putAgain(tx, lost.id, threadId, deps.clock.now()) }
    })
    if (isPut) {
      notifier.notify("outbox", threadId)
      notifier.notify("thread", threadId)
    }
    return result
  }

  return {
    ...outbox,
    failed: async (id, error) =>
      codeIn(error) === "stale"
        ? outbox.failed(id, error)
        : instead(await lostOf(db, id), (within) => within.failed(id, error)),
    uncertain: async (id, error) => instead(await askingOf(db, id), (within) => within.uncertain(id, error)),
    async reported(report) {
      if (report.state !== "failed") return outbox.reported(report)
      const id = report.outboxId ?? (await idOf(db, report.channel, report.providerId))
      return instead(id === null ? null : await lostOf(db, id), (within) => within.reported(report))
    },
  }
}

function without(live: ReadonlySet<ChannelId>, tried: ChannelId[]): ReadonlySet<ChannelId> {
  return new Set([...live].filter((channel) => !tried.includes(channel)))
}

async function idOf(tx: Tx, channel: ChannelId, providerId: string): Promise<string | null> {
  const [row] = await tx.query<{ id: string }>(sql`
    select id from outbox where channel = ${channel} and string_to_array(provider_id, ',') @> array[${providerId}::text]`)
  return row?.id ?? null
}

/** As `lostOf`, of a message that asks for an open approval; null of anything else. */
async function askingOf(tx: Tx, id: string): Promise<Lost | null> {
  const asks = await tx.query(sql`
    select 1 from outbox join approvals on approvals.id = outbox.approval_id
    where outbox.id = ${id}::uuid and outbox.replies_to is null and approvals.state = 'open'`)
  return asks.length > 0 ? lostOf(tx, id) : null
}

/** Null when it goes to nobody known. A message that is itself a second way counts the ways before it. */
async function lostOf(tx: Tx, id: string): Promise<Lost | null> {
  const [lost] = await tx.query<Lost>(sql`
    with recursive ways as (
      select id, fallback_of, channel from outbox where id = ${id}::uuid
      union all
      select before.id, before.fallback_of, before.channel from outbox before join ways on before.id = ways.fallback_of
    )
    select outbox.id, threads.person_id as "personId", (select jsonb_agg(channel) from ways) as tried
    from outbox join threads on threads.id = outbox.thread_id
    where outbox.id = ${id}::uuid and threads.person_id is not null`)
  return lost ?? null
}

/** Whether it was put there now; what did not fail, or has its second way, is left alone. */
async function putAgain(tx: Tx, id: string, threadId: string, now: Date): Promise<boolean> {
  const put = await tx.query(sql`
    insert into outbox (id, thread_id, run_id, dedupe_key, approval_id, replies_to, fallback_of, channel, target, body, urgency,
      state, next_at, created_at, sent_at)
    select ${newId()}::uuid, home.id, run_id, dedupe_key || ':fallback', approval_id, replies_to, outbox.id, home.channel, home.target, body, urgency,
      case when home.channel = 'web' then 'sent' else 'pending' end, ${now}::timestamptz, ${now}::timestamptz,
      case when home.channel = 'web' then ${now}::timestamptz end
    from outbox join threads home on home.id = ${threadId}::uuid
    where outbox.id = ${id}::uuid and outbox.state in ('failed', 'uncertain')
    on conflict do nothing returning id`)
  return put.length > 0
}
