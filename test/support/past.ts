/** Past: rows of runs long done, for what must stay quick however much has happened before. */
import { sql } from "drizzle-orm"
import type { Tx } from "../../src/db/db.ts"
import { OWNER_ID } from "../../src/thread/people/people.ts"

const RUNS_A_THREAD = 10
/** Intent and outcome of a model call and of a tool. */
export const JOURNAL_ROWS_A_RUN = 4

/** Runs `from` to `to`, each answered and delivered long ago. */
export async function insertHistory(db: Tx, from: number, to: number): Promise<void> {
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
