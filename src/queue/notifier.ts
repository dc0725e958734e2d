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

const CHANNEL = "vigil_bell"
/** Threads named by one NOTIFY, whose text must stay below 8,000 bytes. */
const MOST_AT_ONCE = 200
/** What other processes hear too; messages are sent by the process that wrote them, or found by a sweep. */
const FAR: readonly Ring[] = ["work", "thread"]

/**
 * @param across the database, when other processes must hear `work` and `thread` too (Postgres); rings then also travel by
 * NOTIFY. Never inside the transaction that made the work: Postgres lets one commit with a NOTIFY through at a time.
 */
export async function createBell(across?: Db): Promise<Bell> {
  const ears = new Map<Ring, Set<Ear>>()
  const hearHere = (what: Ring, threadId: string) => {
    for (const ear of ears.get(what) ?? []) ear(threadId)
  }
  const far = across && (await ringFar(across, hearHere))
  return {
    ring(what, threadId) {
      hearHere(what, threadId)
      if (FAR.includes(what)) far?.tell(what, threadId)
    },
    on(what, hear) {
      const set = ears.get(what) ?? new Set()
      ears.set(what, set.add(hear))
      return () => void set.delete(hear)
    },
    async stop() {
      ears.clear()
      await far?.stop()
    },
  }
}

/** One NOTIFY at a time, with all that was rung since the last. */
async function ringFar(db: Db, hear: (what: Ring, threadId: string) => void) {
  const self = crypto.randomUUID()
  const waiting = new Set<string>()
  let telling: Promise<void> | null = null
  const tellAll = async () => {
    while (waiting.size > 0) {
      const some = [...waiting].slice(0, MOST_AT_ONCE)
      for (const one of some) waiting.delete(one)
      // A ring that is lost costs the time to the next sweep.
      await db.raw("select pg_notify($1, $2)", [CHANNEL, [self, ...some].join(" ")]).catch(() => {})
    }
    telling = null
  }
  const unlisten = await db.listen(CHANNEL, (text) => {
    const [from, ...rung] = text.split(" ")
    if (from === self) return
    for (const one of rung) {
      const what = FAR.find((ring) => ring.startsWith(one.charAt(0)))
      if (what) hear(what, one.slice(1))
    }
  })
  return {
    tell(what: Ring, threadId: string) {
      waiting.add(`${what.charAt(0)}${threadId}`)
      telling ??= tellAll()
    },
    async stop() {
      await unlisten()
      await telling
    },
  }
}
