/** Chore: what a worker does beside its runs is called once a second; some of it is worth doing less often, and none while it is still at it. */
import type { Clock } from "./clock.ts"

/** The same chore at most once in `ms`, on the clock given, one at a time; one that failed is due again the next second. */
export function periodic(ms: number, clock: Clock, chore: () => Promise<void>): () => Promise<void> {
  let doneAt = Number.NEGATIVE_INFINITY
  let isBusy = false
  return async () => {
    const now = clock.now().getTime()
    if (isBusy || Math.abs(now - doneAt) < ms) return
    isBusy = true
    try {
      await chore()
      doneAt = now
    } finally {
      isBusy = false
    }
  }
}
