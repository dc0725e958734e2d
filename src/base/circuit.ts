/**
 * Circuit: a service that failed three times in a row rests for half a minute, so that its fallback answers at once; one
 * that asked to be left alone rests as long as it asked.
 */
import type { Clock } from "./clock.ts"

const FAILURES = 3
const REST_MS = 30_000

export interface Circuit {
  /** Milliseconds until this service may be asked again; 0 when it may be asked now. */
  restMs(name: string): number
  /** @param askedMs how long it asked to be left alone, in milliseconds. */
  failed(name: string, askedMs?: number): void
  worked(name: string): void
}

export function createCircuit(clock: Clock): Circuit {
  const counts = new Map<string, { failures: number; restUntil: number }>()
  return {
    restMs: (name) => Math.max(0, (counts.get(name)?.restUntil ?? 0) - clock.now().getTime()),
    failed(name, askedMs = 0) {
      const failures = (counts.get(name)?.failures ?? 0) + 1
      const restMs = Math.max(askedMs, failures >= FAILURES ? REST_MS : 0)
      counts.set(name, { failures, restUntil: restMs > 0 ? clock.now().getTime() + restMs : 0 })
    },
    worked: (name) => void counts.delete(name),
  }
}
