/** Growth: what a turn and the sweeps cost as threads and journal rows pile up, on Postgres. */
import { sql } from "drizzle-orm"
import { systemClock } from "../../src/base/clock.ts"
import { newId } from "../../src/base/ids.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { createLeases } from "../../src/thread/lease.ts"
import { createOutbox } from "../../src/thread/outbox.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people.ts"
import { type Sample, sampleOf } from "./figures.ts"
import { benchTurn } from "./turn.ts"

export interface GrowthFigures {
  threads: number
  journal: number
  turn: Sample
  /** A worker looks for work and finds none. */
  claim: Sample
  /** A sender looks for messages that wait. */
  waiting: Sample
  /** Of the whole database. */
  megabytes: number
}

const RUNS_A_THREAD = 10
/** Intent and outcome of a model call and of a tool. */
const ROWS_A_RUN = 4
const TURNS = 100
const LOOKS = 200

/** @param sizes numbers of journal rows, rising */
export async function benchGrowth(db: Opened, sizes: number[]): Promise<GrowthFigures[]> {
  const figures: GrowthFigures[] = []
  await createPeople({ db, clock: systemClock, newId }).ensureOwner({ timezone: "UTC" })
  let runs = 0
  for (const size of sizes) {
    const wanted = Math.ceil(size / ROWS_A_RUN)
    await history(db, runs, wanted)
    runs = wanted
    await db.raw("vacuum analyze")
    figures.push(await measured(db))
  }
  return figures
}

async function measured(db: Opened): Promise<GrowthFigures> {
  const { turn } = await benchTurn(db, TURNS)
  const leases = createLeases({ db, owner: newId(), newRunId: newId, codeVersion: "bench" })
  const outbox = createOutbox(db)
  const claim = await timed(() => leases.claim())
  const waiting = await timed(() => outbox.waiting(new Date()))
  const [held] = await db.query<{ threads: number; journal: number; bytes: number }>(sql`
    select (select count(*) from threads) as threads, (select count(*) from journal) as journal,
      pg_database_size(current_database()) as bytes`)
  if (!held) throw new Error("the database said nothing about its size")
  return { threads: held.threads, journal: held.journal, megabytes: held.bytes / 1e6, turn, claim, waiting }
}

async function timed(look: () => Promise<unknown>): Promise<Sample> {
  const times: number[] = []
  for (let n = 0; n < LOOKS; n++) {
    const start = performance.now()
    await look()
    times.push(performance.now() - start)
  }
  return sampleOf(times)
}

/** Runs `from` to `to`, each answered and delivered long ago. */
async function history(db: Opened, from: number, to: number): Promise<void> {
  const id = (kind: string, n: string) => sql.raw(`md5('${kind}' || ${n})::uuid`)
  const range = sql`generate_series(${from}::int, ${to - 1}::int) n`
  const thread = id("thread", `n / ${RUNS_A_THREAD}`)
  await db.query(sql`
    insert into threads (id, channel, key, person_id, target, next_seq, created_at)
    select distinct on (n / ${RUNS_A_THREAD}::int) ${thread}, 'telegram', 'old:' || n / ${RUNS_A_THREAD}::int, ${OWNER_ID}::uuid, '42', ${RUNS_A_THREAD + 1}::int, now()
    from ${range} on conflict do nothing`)
  await db.query(sql`
    insert into inbox (id, source, external_id, thread_id, seq, kind, person_id, payload, label, state, received_at, ended_at)
    select ${id("inbox", "n")}, 'old', n::text, ${thread}, n % ${RUNS_A_THREAD}::int + 1, 'message', ${OWNER_ID}::uuid,
      '{"text":"what is on my list for tomorrow?"}', '{"integrity":"owner","confidentiality":"private"}', 'done', now(), now() from ${range}`)
  await db.query(sql`
    insert into runs (id, thread_id, trigger_id, kind, state, label, code_version, started_at, ended_at)
    select ${id("run", "n")}, ${thread}, ${id("inbox", "n")}, 'message', 'done', '{"integrity":"owner","confidentiality":"private"}', 'old', now(), now() from ${range}`)
  await db.query(sql`
    insert into journal (run_id, n, phase, kind, name, op_id, replay, epoch, request, result)
    select ${id("run", "n")}, step, phase, 'model', 'reply', ${id("op", "n")}, 'idempotent', 1, '{"messages":[{"role":"user","text":"what is on my list?"}]}',
      '{"text":"milk, bread and a call to Ana"}'
    from ${range}, generate_series(0, 1) step, (values ('intent'), ('outcome')) p (phase) order by n, step, phase`)
  await db.query(sql`
    insert into outbox (id, thread_id, run_id, dedupe_key, channel, target, body, state, next_at, created_at, sent_at)
    select ${id("out", "n")}, ${thread}, ${id("run", "n")}, 'old:' || n, 'telegram', '42', '{"text":"milk, bread and a call to Ana"}', 'delivered', now(), now(), now() from ${range}`)
}
