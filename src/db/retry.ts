/**
 * Patience: a database that starts at the same time as we do, or is too busy to answer, gets a while before a boot gives up.
 * An address that nobody knows is wrong, not late.
 */
import { codeOf } from "../base/errors.ts"
import { retry } from "../base/retry.ts"
import { isDatabaseAway } from "./errors.ts"

const PATIENCE_MS = 60_000
const AGAIN_MS = 500

export interface Waiting {
  /** Told the first time, and then not again. */
  onWait?: ((error: unknown, patienceMs: number) => void) | undefined
  /** Milliseconds from the first try on. */
  patienceMs?: number
}

/** What `ask` gives, which is asked again while the database is away. Throws what it threw last when that takes too long. */
export async function retryWhileAway<T>(
  ask: () => Promise<T>,
  { onWait, patienceMs = PATIENCE_MS }: Waiting = {},
): Promise<T> {
  const began = performance.now()
  return await retry(ask, {
    pauseMs(error, tries) {
      const isLate = isDatabaseAway(error) && codeOf(error) !== "ENOTFOUND"
      if (!isLate || performance.now() - began >= patienceMs) return null
      if (tries === 1) onWait?.(error, patienceMs)
      return AGAIN_MS
    },
  })
}
