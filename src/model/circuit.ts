/** Circuit: a model that failed three times in a row rests for half a minute, so that its fallback answers at once. */
import type { Clock } from "../base/clock.ts"

const FAILURES = 3
const REST_MS = 30_000

export interface Circuit {
  /** Milliseconds until this model may be asked again; 0 when it may be asked now. */
  restMs(name: string): number
  failed(name: string): void
  worked(name: string): void
}

export function createCircuit(clock: Clock): Circuit {
  const counts = new Map<string, { failures: number; restUntil: number }>()
  return {
    restMs: (name) => Math.max(0, (counts.get(name)?.restUntil ?? 0) - clock.now().getTime()),
    failed(name) {
      const failures = (counts.get(name)?.failures ?? 0) + 1
      counts.set(name, { failures, restUntil: failures >= FAILURES ? clock.now().getTime() + REST_MS : 0 })
    },
    worked: (name) => void counts.delete(name),
  }
}
