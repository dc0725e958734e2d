/** Store: makes the `Memory` of its parts. */
import type { Clock } from "../base/clock.ts"
import { type Log, silentLog } from "../base/log.ts"
import type { Db } from "../db/db.ts"
import type { Embedder } from "../model/model.ts"
import type { Queue } from "../queue/queue.ts"
import { createEmbedding } from "./embedding.ts"
import { createHistory } from "./history.ts"
import type { Memory } from "./memory.ts"
import { createRecall } from "./recall.ts"
import { createWriting } from "./writing.ts"

export interface MemoryDeps {
  db: Db
  queue: Pick<Queue, "send">
  clock: Clock
  /** When absent, recall has no vector arm and searches by words alone. */
  embedder?: Embedder
  /** Gets a warning when the vector arm was away. */
  log?: Log
}

export function createMemory({ db, queue, clock, embedder, log = silentLog }: MemoryDeps): Memory {
  const embedding = embedder && createEmbedding({ db, embedder, log })
  return {
    ...createWriting({ clock, ...(embedder ? { embedLater: (tx, id) => queue.send(tx, "embed", String(id)) } : {}) }),
    ...createHistory(db),
    recall: createRecall({ db, clock, ...(embedding ? { nearest: embedding.nearest } : {}) }),
    embedWaiting: async (ids, signal) => embedding?.fill(ids, signal),
  }
}
