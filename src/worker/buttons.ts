/**
 * Buttons: takes them off questions that have their answer, whoever gave it and wherever. A courtesy: pressing one that is
 * still there changes nothing, so a failure is tried again later and holds nobody up.
 */
import type { Clock } from "../base/clock.ts"
import { Retry, Uncertain } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { ChannelId } from "../channels/channel.ts"
import type { Tx } from "../db/db.ts"
import { type Decided, decidedQuestions, markCleared } from "../thread/decided.ts"

export interface ButtonDeps {
  db: Tx
  clock: Clock
  log: Log
  /** Of the channels that have buttons. */
  removers: ReadonlyMap<ChannelId, (target: string, providerId: string, signal: AbortSignal) => Promise<void>>
}

const TIMEOUT_MS = 10_000
const AGAIN_MS = 60_000

/** @returns the chore; it does one round at a time. */
export function createButtonClearing({ db, clock, log, removers }: ButtonDeps): () => Promise<void> {
  const notBefore = new Map<string, number>()
  let isBusy = false

  async function clear({ waitId, asked }: Decided): Promise<void> {
    try {
      for (const { channel, target, providerId } of asked)
        await removers.get(channel)?.(target, providerId, AbortSignal.timeout(TIMEOUT_MS))
      await markCleared(db, waitId, clock.now())
    } catch (error) {
      log.warn("buttons_not_removed", { wait: waitId, error })
      if (error instanceof Retry || error instanceof Uncertain) notBefore.set(waitId, clock.now().getTime() + AGAIN_MS)
      else await markCleared(db, waitId, clock.now())
    }
  }

  return async () => {
    if (isBusy) return
    isBusy = true
    try {
      const now = clock.now().getTime()
      for (const [waitId, at] of notBefore) if (at <= now) notBefore.delete(waitId)
      for (const question of await decidedQuestions(db, [...notBefore.keys()])) await clear(question)
    } finally {
      isBusy = false
    }
  }
}
