/** Timer: pauses, and work with a smallest interval. Neither keeps a process running that has nothing else to do. */
import { setTimeout } from "node:timers/promises"
import type { Clock } from "./clock.ts"

/** Resolves after `ms` milliseconds, or rejects when the signal fires. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

export const sleep: Sleep = async (ms, signal) => void (await setTimeout(ms, undefined, { signal, ref: false }))

/**
 * A function that does `work` at most once in `ms` milliseconds of `clock`, and never twice at the same time, however often
 * it is called. After a failure the next call does the work again.
 */
export function periodic(ms: number, clock: Clock, work: () => Promise<void>): () => Promise<void> {
  let doneAt = Number.NEGATIVE_INFINITY
  let isBusy = false
  return async () => {
    const now = clock.now().getTime()
    if (isBusy || Math.abs(now - doneAt) < ms) return
    isBusy = true
    try {
      await work()
      doneAt = now
    } finally {
      isBusy = false
    }
  }
}
