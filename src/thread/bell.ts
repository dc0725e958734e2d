/**
 * Bell: wakes whoever waits in this process once a commit has made work or a reply. Only a convenience: a ring
 * that nobody hears costs time, never an event, since the tables say the same to the next sweep.
 */
import type { Db } from "../db/db.ts"

/**
 * `work`: a thread may have work to claim. `outbox`: it has messages to send. `thread`: it has a new message or step
 * for people who watch it.
 */
export type Ring = "work" | "outbox" | "thread"

type Ear = (threadId: string) => void

export interface Bell {
  ring(what: Ring, threadId: string): void
  /** Returns the function that stops listening. */
  on(what: Ring, hear: Ear): () => void
  stop(): Promise<void>
}

const CHANNEL = "vigil_thread"

/**
 * @param across the database, when other processes must hear `thread` rings too (Postgres); rings then travel by NOTIFY.
 */
export async function createBell(across?: Db): Promise<Bell> {
  const ears = new Map<Ring, Set<Ear>>()
  const hearHere = (what: Ring, threadId: string) => {
    for (const ear of ears.get(what) ?? []) ear(threadId)
  }
  const unlisten = across && (await across.listen(CHANNEL, (threadId) => hearHere("thread", threadId)))
  return {
    ring(what, threadId) {
      if (what === "thread" && across) {
        across.raw("select pg_notify($1, $2)", [CHANNEL, threadId]).catch(() => hearHere(what, threadId))
      } else hearHere(what, threadId)
    },
    on(what, hear) {
      const set = ears.get(what) ?? new Set()
      ears.set(what, set.add(hear))
      return () => void set.delete(hear)
    },
    async stop() {
      ears.clear()
      await unlisten?.()
    },
  }
}
