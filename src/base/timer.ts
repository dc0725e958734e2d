/** Timer: pauses, and work that is repeated at a pace. Neither keeps a process up that has nothing else to do. */
import { setTimeout } from "node:timers/promises"
import type { Clock } from "./clock.ts"

/** Resolves after `ms` milliseconds, or rejects when the signal fires. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>

export const sleep: Sleep = async (ms, signal) => void (await setTimeout(ms, undefined, { signal, ref: false }))

/**
 * `work` at most once in `ms` on the clock given, and one at a time, however often the result is called; work that failed is
 * due again at the next call.
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
