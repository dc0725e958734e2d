/**
 * Circuit breaker: a service that failed several times in a row is left alone for a while. Services are known one by one: a
 * dead one never holds up another.
 */
import type { Clock } from "./clock.ts"

export interface CircuitBreakerOptions {
  clock: Clock
  /** Failures in a row that pause a service. */
  failures: number
  /** How long a pause lasts, in milliseconds, after so many failures in a row. */
  pauseMs: (failures: number) => number
  /** A pause that the service itself asked for counts before that many failures as well. */
  obeys?: boolean
  /** Lets one call through at a time after a pause, until it is known how that went. */
  probes?: boolean
  onPause?: (service: string, failures: number, ms: number) => void
  /** The service answered after a pause. */
  onBack?: (service: string, failures: number) => void
}

export interface PausedService {
  service: string
  until: Date
  /** In a row, so far. */
  failures: number
}

export interface CircuitBreaker {
  /** Milliseconds until the service may be called; 0: call it now, and tell how it went. */
  admit(service: string): number
  /** The call that was let through was not made after all. */
  waived(service: string): void
  /** The service answered, be it with a refusal of this one call. */
  answered(service: string): void
  /** It did not answer, or was too busy. @param askedMs how long it asked to be left alone. */
  failed(service: string, askedMs?: number): void
  paused(): PausedService[]
}

/** Longer than any call takes: a probe that nobody told the end of counts as over. */
const PROBE_MS = 60_000
/** How long others wait while one call probes. */
const BEHIND_PROBE_MS = 1000

interface State {
  failures: number
  /** Milliseconds since the epoch. */
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
