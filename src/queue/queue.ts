/**
 * Queue: pg-boss behind one door. A job is only ever a hint that work is waiting in our own tables; `send` puts the hint
 * in the same commit as the work, and a lost or doubled job is harmless.
 */
import type { PgBoss } from "pg-boss"
import type { Log } from "../base/log.ts"
import type { Tx } from "../db/db.ts"

export type QueueName = "turn" | "embed"

/** `turn`: a thread may have work. `embed`: a memory has no vector yet. `short`: at most one queued job a key. */
const QUEUES: Record<QueueName, { policy: "short"; retryLimit: number; retryBackoff: boolean; retryDelay: number }> = {
  turn: { policy: "short", retryLimit: 2, retryBackoff: true, retryDelay: 1 },
  embed: { policy: "short", retryLimit: 8, retryBackoff: true, retryDelay: 5 },
}
/** Longer than any job takes: one that nobody ended by then comes again, since its worker died. */
const EXPIRE_SECONDS = 90
/** Finished jobs are hints of the past: kept for an hour, for whoever looks. */
const DELETE_AFTER_SECONDS = 3600

export interface Queue {
  /**
   * Enqueues inside `tx`: the job exists exactly when the transaction commits.
   * @param key at most one job a key waits in the queue; more are dropped, since they would say the same.
   */
  send(tx: Tx, name: QueueName, key: string): Promise<void>
  /** Calls `handle` with the keys of waiting jobs; a throw retries them by the queue's policy. */
  work(name: QueueName, handle: (keys: string[]) => Promise<void>): Promise<void>
  /** Jobs that are waiting, by queue. */
  depth(): Promise<Record<QueueName, number>>
  stop(): Promise<void>
}

export interface QueueOptions {
  /** pg-boss itself, made by `openBoss`, not started. */
  boss: PgBoss
  log: Log
  /** Whether work comes from other processes, whose rings this one may miss: it then looks for jobs more often. */
  shared: boolean
}

/** Starts pg-boss, makes the queues, and warms its queue cache: a cold cache inside a PGlite transaction hangs. */
export async function createQueue({ boss, log, shared }: QueueOptions): Promise<Queue> {
  const names = Object.keys(QUEUES).filter(isName)
  boss.on("error", (error) => log.error("queue_error", { error }))
  await boss.start()
  for (const name of names) {
    // Without `notify`: a NOTIFY inside the commit of an event would let one such commit through at a time. The notifier speaks after it.
    await boss.createQueue(name, { ...QUEUES[name], deleteAfterSeconds: DELETE_AFTER_SECONDS })
  }
  for (const name of names) await boss.findJobs(name, { id: crypto.randomUUID() })

  return {
    async send(tx, name, key) {
      const inside = { executeSql: async (text: string, values?: unknown[]) => ({ rows: await tx.raw(text, values) }) }
      await boss.send(name, { key }, { db: inside, singletonKey: key, expireInSeconds: EXPIRE_SECONDS })
    },
    async work(name, handle) {
      const options = {
        batchSize: 50,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: shared ? 2 : 5,
      }
      // Not const: a handler may run before `work` resolves. A worker clears its "notified" flag before it fetches, so
      // it must wake itself after each batch or a backlog waits for the next poll.
      let worker: string | undefined
      worker = await boss.work<{ key: string }>(name, options, async (jobs) => {
        try {
          await handle(jobs.map((job) => job.data.key))
        } finally {
          if (worker) boss.notifyWorker(worker)
        }
      })
    },
    async depth() {
      const depth = { turn: 0, embed: 0 }
      for (const queue of await boss.getQueues(names)) if (isName(queue.name)) depth[queue.name] = queue.queuedCount
      return depth
    },
    async stop() {
      await boss.stop({ graceful: true, timeout: 10_000 })
    },
  }
}

function isName(name: string): name is QueueName {
  return name in QUEUES
}
