/** Retry: asks again while what went wrong may pass. What cannot pass is thrown at once, and so is what took too long. */
import { setTimeout } from "node:timers/promises"

export interface RetryOptions {
  /** Milliseconds until the next try; null when another one would not help. @param tries how many there were. */
  pauseMs: (error: unknown, tries: number) => number | null
  /** No try begins after it fired. */
  signal?: AbortSignal
}

/** What `work` gives in the end. Throws what it threw last. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!(await another(error, tries, options))) throw error
    }
  }
}

/** Waits for the next try; false when there is none. */
async function another(error: unknown, tries: number, { pauseMs, signal }: RetryOptions): Promise<boolean> {
  const ms = signal?.aborted ? null : pauseMs(error, tries)
  if (ms === null) return false
  // A process with a try ahead stays up for it, unless its signal can end the wait.
  await setTimeout(ms, undefined, signal ? { signal, ref: false } : {}).catch(() => {})
  return !signal?.aborted
}
