/**
 * Crashing database: its user dies at a chosen moment, as a killed process does: the statement before that moment is
 * done, the open transaction is rolled back, and nothing it still tries reaches the database.
 */
import type { Db, Tx } from "../../src/db/db.ts"

class Dead extends Error {}

export interface CrashState {
  /** Moments passed so far: one before and one after each statement of its own, and each commit; one in a transaction. */
  moments: number
  isOver: boolean
}

/** @param death number of the moment, from 1; infinite for a life without one. */
export function crashing<T extends Db>(db: T, death: number): { db: T; life: CrashState } {
  const life: CrashState = { moments: 0, isOver: false }
  const moment = () => {
    if (++life.moments >= death) life.isOver = true
    if (life.isOver) throw new Dead("the process is dead")
  }
  const own = async <R>(work: () => Promise<R>): Promise<R> => {
    moment()
    const result = await work()
    moment()
    return result
  }
  const inside = (tx: Tx): Tx => ({
    query: (statement) => {
      moment()
      return tx.query(statement)
    },
    raw: (text, values) => {
      moment()
      return tx.raw(text, values)
    },
  })
  return {
    life,
    db: {
      ...db,
      query: (statement) => own(() => db.query(statement)),
      raw: (text, values) => own(() => db.raw(text, values)),
      transaction: (work) =>
        own(() =>
          db.transaction(async (tx) => {
            const result = await work(inside(tx))
            moment()
            return result
          }),
        ),
    },
  }
}
