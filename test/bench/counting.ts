/** A database that counts: statements, transactions and round trips, and where the time of a turn goes. */
import type { SQL } from "drizzle-orm"
import type { Tx } from "../../src/db/db.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { compile } from "../../src/db/sql.ts"

export interface Tally {
  /** By the first words of the statement: how often, and milliseconds in all. */
  statements: Map<string, { count: number; ms: number }>
  roundTrips: number
  transactions: number
  /** Milliseconds in which at least one statement was under way. */
  busyMs: number
}

export function counting(db: Opened): { db: Opened; tally: Tally; reset(): void } {
  const tally: Tally = { statements: new Map(), roundTrips: 0, transactions: 0, busyMs: 0 }
  let open = 0
  let since = 0

  async function timed<T>(name: string, trips: number, run: () => Promise<T>): Promise<T> {
    const start = performance.now()
    if (open++ === 0) since = start
    try {
      return await run()
    } finally {
      const end = performance.now()
      if (--open === 0) tally.busyMs += end - since
      tally.roundTrips += trips
      const seen = tally.statements.get(name) ?? { count: 0, ms: 0 }
      tally.statements.set(name, { count: seen.count + 1, ms: seen.ms + end - start })
    }
  }

  const watch = (tx: Tx): Tx => ({
    query: (statement: SQL) => timed(nameOf(compile(statement).text), 1, () => tx.query<never>(statement)),
    raw: (text, values) => timed(nameOf(text), 1, () => tx.raw(text, values)),
  })

  const watched = {
    ...db,
    ...watch(db),
    transaction: <T>(work: (tx: Tx) => Promise<T>) => {
      tally.transactions++
      tally.roundTrips += 2
      return db.transaction((tx) => work(watch(tx)))
    },
  }
  return {
    db: watched,
    tally,
    reset() {
      tally.statements.clear()
      tally.roundTrips = 0
      tally.transactions = 0
      tally.busyMs = 0
    },
  }
}

function nameOf(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ").replaceAll(/\$\d+/g, "?").slice(0, 60)
}
