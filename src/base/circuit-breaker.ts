/**
 * Circuit breaker: a service that failed several times in a row is not called for a while. The breaker counts each service by
 * itself, so that a dead service never holds up another.
 */
import type { Clock } from "./clock.ts"

export interface CircuitBreakerOptions {
  clock: Clock
  /** Failures in a row that pause a service. */
  failures: number
  /** Length of the pause in milliseconds after this many failures in a row. */
  pauseMs: (failures: number) => number
  /** A pause that the service itself asks for counts from the first failure on. */
  obeys?: boolean
  /** After a pause one call at a time is let through, until one of them is answered. */
  probes?: boolean
  onPause?: (service: string, failures: number, ms: number) => void
  /** Called when the service answers after a pause. */
  onBack?: (service: string, failures: number) => void
}

export interface PausedService {
  service: string
  until: Date
  /** Failures in a row so far. */
  failures: number
}

export interface CircuitBreaker {
  /** Milliseconds until the service may be called. At 0 call it now, and then report with one of the next three functions. */
  admit(service: string): number
  /** Reports that the admitted call was not made after all. */
  waived(service: string): void
  /** Reports that the service answered; a refusal of this one call is an answer too. */
  answered(service: string): void
  /** Reports that the service did not answer, or was too busy. @param askedMs the pause that it asked for. */
  failed(service: string, askedMs?: number): void
  paused(): PausedService[]
}

/** A probe without a report for this long counts as over. Longer than any call takes. */
const PROBE_MS = 60_000
/** How long other calls wait while one call probes. */
const BEHIND_PROBE_MS = 1000

interface State {
  failures: number
  /** End of the pause, in milliseconds since the epoch. */
  until: number
  probingSince: number | null
}

export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { failures: most, pauseMs, obeys = false, probes = false } = options
  const states = new Map<string, State>()
  const now = () => options.clock.now().getTime()
  const isPaused = ({ failures, until }: State) => failures >= most || (obeys && now() < until)

  return {
    admit(service) {
      const state = states.get(service)
      if (!state || !isPaused(state)) return 0
      if (now() < state.until) return state.until - now()
      if (!probes) return 0
      if (state.probingSince !== null && now() - state.probingSince < PROBE_MS) return BEHIND_PROBE_MS
      state.probingSince = now()
      return 0
    },
    waived(service) {
      const state = states.get(service)
      if (state) state.probingSince = null
    },
    answered(service) {
      const failures = states.get(service)?.failures ?? 0
      if (failures >= most) options.onBack?.(service, failures)
      states.delete(service)
    },
    failed(service, askedMs = 0) {
      const failures = (states.get(service)?.failures ?? 0) + 1
      const ms = Math.max(failures >= most ? pauseMs(failures) : 0, askedMs)
      states.set(service, { failures, until: now() + ms, probingSince: null })
      if (failures >= most) options.onPause?.(service, failures, ms)
    },
    paused: () =>
      [...states].flatMap(([service, { failures, until }]) =>
        failures >= most ? [{ service, failures, until: new Date(until) }] : [],
      ),
  }
}
