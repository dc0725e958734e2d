/**
 * Notifier: wakes whoever waits for work, a message or a step, right after the commit that made it. It is a convenience: a
 * notification that nobody gets costs time, never an event, because the next sweep reads the same from the tables.
 */
import type { Db } from "../db/db.ts"

/**
 * `work`: the thread may have work to claim. `outbox`: it has messages to send. `thread`: it has a new message or step
 * for people who watch it.
 */
export type Topic = "work" | "outbox" | "thread"

type Listener = (threadId: string) => void

export interface Notifier {
  notify(topic: Topic, threadId: string): void
  /** Returns the function that stops listening. */
  listen(topic: Topic, listener: Listener): () => void
  stop(): Promise<void>
}

const CHANNEL = "vigil_bell"
/** Threads that one NOTIFY names; its text must stay below 8,000 bytes. */
const MAX_BATCH = 200
/** Topics that other processes listen to as well; a message is sent by the process that wrote it, or found by a sweep. */
const SHARED: readonly Topic[] = ["work", "thread"]

/**
 * @param across the database, when other processes must learn of `work` and `thread` too (Postgres): the notification then also
 * travels by NOTIFY. Never inside the transaction that made the work: Postgres lets one commit with a NOTIFY through at a time.
 */
export async function createNotifier(across?: Db): Promise<Notifier> {
  const listeners = new Map<Topic, Set<Listener>>()
  const notifyHere = (topic: Topic, threadId: string) => {
    for (const listener of listeners.get(topic) ?? []) listener(threadId)
  }
  const others = across && (await notifyOthers(across, notifyHere))
  return {
    notify(topic, threadId) {
      notifyHere(topic, threadId)
      if (SHARED.includes(topic)) others?.notify(topic, threadId)
    },
    listen(topic, listener) {
      const set = listeners.get(topic) ?? new Set()
      listeners.set(topic, set.add(listener))
      return () => void set.delete(listener)
    },
    async stop() {
      listeners.clear()
      await others?.stop()
    },
  }
}

/** Sends one NOTIFY at a time, with everything that was notified since the last one. */
async function notifyOthers(db: Db, notifyHere: (topic: Topic, threadId: string) => void) {
  const self = crypto.randomUUID()
  const waiting = new Set<string>()
  let sending: Promise<void> | null = null
  const sendAll = async () => {
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, MAX_BATCH)
      for (const one of batch) waiting.delete(one)
      // A notification that is lost costs the time until the next sweep.
      await db.raw("select pg_notify($1, $2)", [CHANNEL, [self, ...batch].join(" ")]).catch(() => {})
    }
    sending = null
  }
  const unlisten = await db.listen(CHANNEL, (text) => {
    const [from, ...batch] = text.split(" ")
    if (from === self) return
    for (const one of batch) {
      const topic = SHARED.find((shared) => shared.startsWith(one.charAt(0)))
      if (topic) notifyHere(topic, one.slice(1))
    }
  })
  return {
    notify(topic: Topic, threadId: string) {
      waiting.add(`${topic.charAt(0)}${threadId}`)
      sending ??= sendAll()
    },
    async stop() {
      await unlisten()
      await sending
    },
  }
}
