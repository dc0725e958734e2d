/** Retry: repeats work as long as its error may pass. An error that cannot pass, or that took too long, is thrown at once. */
import { setTimeout } from "node:timers/promises"

export interface RetryOptions {
  /** Milliseconds until the next try; null when another try would not help. @param tries how many tries there were. */
  pauseMs: (error: unknown, tries: number) => number | null
  /** No try begins after this signal fired. */
  signal?: AbortSignal
}

/** Returns the result of `work`. Throws the error of its last try. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!(await another(error, tries, options))) throw error
    }
  }
}

/** Waits for the next try. Returns false when there is none. */
async function another(error: unknown, tries: number, { pauseMs, signal }: RetryOptions): Promise<boolean> {
  const ms = signal?.aborted ? null : pauseMs(error, tries)
  if (ms === null) return false
  // A pending try keeps the process running, unless a signal can end the wait.
  await setTimeout(ms, undefined, signal ? { signal, ref: false } : {}).catch(() => {})
  return !signal?.aborted
}
