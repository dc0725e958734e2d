/**
 * Turn: from a text coming in to its reply being handed to the channel, with a model and a channel that take no time, beside
 * the same transactions as bare SQL in the same run.
 */
import { sql } from "drizzle-orm"
import { createAnswer, createTurn } from "../../src/agent/turn/turn.ts"
import { systemClock } from "../../src/base/clock.ts"
import { newId } from "../../src/base/ids.ts"
import type { Channel } from "../../src/channels/channel.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { createMemory } from "../../src/memory/store.ts"
import type { Model } from "../../src/model/model.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { memoryTools } from "../../src/tools/memory-tools.ts"
import { spine, text } from "../support/spine.ts"
import { counting, type Tally } from "./counting.ts"
import { type Sample, sampleOf } from "./figures.ts"

export interface TurnFigures {
  turn: Sample
  floor: Sample
  /** Of one turn. */
  roundTrips: number
  transactions: number
  databaseMs: number
  profile: { statement: string; count: number; ms: number }[]
}

const WARM = 60

const instant: Model = {
  identity: { provider: "bench", model: "instant", because: "a benchmark" },
  offline: false,
  estimate: () => null,
  tokens: (words) => Math.ceil(words.length / 3.6),
  ask: async () => ({
    text: "pong",
    toolCalls: [],
    finish: "stop",
    usage: { input: 100, cached: 0, output: 2 },
    cost: 0,
    provider: "bench",
    model: "instant",
  }),
}

export async function benchTurn(opened: Opened, n: number): Promise<TurnFigures> {
  const { db, tally, reset } = counting(opened)
  let handed: (() => void) | undefined
  const channel: Channel = {
    id: "telegram",
    capabilities: { maxText: 4096, buttons: true, typing: true },
    async send() {
      handed?.()
      return { providerId: newId() }
    },
    probe: async () => "bench",
  }
  const memory = createMemory({ db, queue: { send: async () => {} }, clock: systemClock })
  const tools = memoryTools(memory)
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  const answer = createAnswer({ db, memory, tokens: instant.tokens, tools: byName })
  const s = await spine({ db, model: instant, tools, channels: [channel], handlers: { message: createTurn(answer) } })
  const worker = s.work()

  const one = async (): Promise<number> => {
    const done = Promise.withResolvers<void>()
    handed = done.resolve
    const start = performance.now()
    await s.inbox.accept(text("ping", { channel: "telegram", threadKey: "telegram:1:42", target: "42" }))
    await done.promise
    const took = performance.now() - start
    await quiet(worker.busy)
    return took
  }
  // Turn and floor take turns, so that what else the machine does meets both alike.
  const turns: number[] = []
  const floors: number[] = []
  for (let i = 0; i < WARM + n; i++) {
    if (i === WARM) reset()
    const turn = await one()
    const bare = await floor(opened)
    await pause()
    if (i < WARM) continue
    turns.push(turn)
    floors.push(bare)
  }
  const spent = snapshot(tally, n)
  await worker.stop(1000)
  await s.stop()
  return { turn: sampleOf(turns), floor: sampleOf(floors), ...spent }
}

function snapshot(tally: Tally, n: number) {
  const profile = [...tally.statements].map(([statement, { count, ms }]) => ({
    statement,
    count: count / n,
    ms: ms / n,
  }))
  return {
    roundTrips: tally.roundTrips / n,
    transactions: tally.transactions / n,
    databaseMs: tally.busyMs / n,
    profile: profile.toSorted((a, b) => b.ms - a.ms),
  }
}

/** Lets what follows a reply (its receipt, the released lease) end, so that turns do not overlap. */
async function quiet(busy: () => number): Promise<void> {
  do await pause()
  while (busy() > 0)
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2))
}

const FLOOR_THREAD = newId()

/** The seven transactions written plainly: accept, claim, intent, outcome, finish, take; the receipt comes after the reply. */
async function floor(db: Opened): Promise<number> {
  const [inboxId, runId, outboxId, owner] = [newId(), newId(), newId(), newId()]
  await db.query(sql`insert into threads (id, channel, key, person_id, target, created_at)
    values (${FLOOR_THREAD}, 'telegram', 'floor', ${OWNER_ID}, '42', now()) on conflict do nothing`)
  const start = performance.now()
  await db.transaction(async (tx) => {
    // Ready in a minute: the product's own sweep must not take it up, as it does what is ready much later than anything can be.
    const [lane] = await tx.query<{ seq: number }>(sql`
      update threads set next_seq = next_seq + 1, ready_at = now() + interval '1 minute' where id = ${FLOOR_THREAD} returning next_seq - 1 as seq`)
    await tx.query(sql`
      insert into inbox (id, source, external_id, thread_id, seq, kind, person_id, payload, label, received_at)
      values (${inboxId}, 'floor', ${inboxId}, ${FLOOR_THREAD}, ${lane?.seq ?? 0}, 'message', ${OWNER_ID}, '{"text":"ping"}', '{}', now())
      on conflict do nothing`)
    await tx.query(sql`insert into pgboss.job (name, data, singleton_key) values ('turn', '{}', ${inboxId})`)
  })
  await db.transaction(async (tx) => {
    await tx.query(sql`update threads set owner = ${owner}, epoch = epoch + 1, ready_at = null, lease_until = now() + interval '5 s'
      where id = (select id from threads where id = ${FLOOR_THREAD} and owner is null for update skip locked)`)
    await tx.query(sql`insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at)
      values (${runId}, ${FLOOR_THREAD}, ${inboxId}, 'message', 'running', '{}', 'floor', now())`)
    await tx.query(sql`update inbox set state = 'claimed', run_id = ${runId} where id = ${inboxId}`)
  })
  for (const [n, phase] of [
    [0, "intent"],
    [0, "outcome"],
  ] as const) {
    await db.transaction(async (tx) => {
      await tx.query(sql`select 1 from threads where id = ${FLOOR_THREAD} and owner = ${owner} for no key update`)
      await tx.query(sql`insert into journal (run_id, n, phase, kind, name, op_id, replay, epoch, result)
        values (${runId}, ${n}::int, ${phase}, 'model', 'reply', ${runId}, 'idempotent', 1, '{"text":"pong"}')`)
    })
  }
  await db.transaction(async (tx) => {
    await tx.query(
      sql`update threads set owner = null, lease_until = null where id = ${FLOOR_THREAD} and owner = ${owner}`,
    )
    await tx.query(sql`update runs set state = 'done', ended_at = now() where id = ${runId}`)
    await tx.query(sql`update inbox set state = 'done', ended_at = now() where id = ${inboxId}`)
    await tx.query(sql`insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, next_at, created_at)
      values (${outboxId}, ${FLOOR_THREAD}, ${runId}, ${outboxId}, 'telegram', '42', '{"text":"pong"}', now(), now())`)
  })
  await db.query(
    sql`update outbox set state = 'sending', sending_until = now() + interval '20 s' where id = ${outboxId}`,
  )
  const took = performance.now() - start
  await db.query(sql`update outbox set state = 'sent', sending_until = null where id = ${outboxId}`)
  return took
}
