/** Growth: what a turn and the sweeps cost as threads and journal rows pile up, on Postgres. */
import { sql } from "drizzle-orm"
import { systemClock } from "../../src/base/clock.ts"
import { newId } from "../../src/base/ids.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { createOutbox } from "../../src/thread/outbox/outbox.ts"
import { createPeople } from "../../src/thread/people/people.ts"
import { createLeases } from "../../src/thread/runs/lease.ts"
import { insertHistory, JOURNAL_ROWS_A_RUN } from "../support/past.ts"
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

const TURNS = 100
const LOOKS = 200

/** @param sizes numbers of journal rows, rising */
export async function benchGrowth(db: Opened, sizes: number[]): Promise<GrowthFigures[]> {
  const figures: GrowthFigures[] = []
  await createPeople({ db, clock: systemClock, newId }).ensureOwner({ timezone: "UTC" })
  let runs = 0
  for (const size of sizes) {
    const wanted = Math.ceil(size / JOURNAL_ROWS_A_RUN)
    await insertHistory(db, runs, wanted)
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
