/**
 * Channel breaker: a channel that failed five times in a row gets no message during a pause, and then one message as a probe.
 * Each further failure makes the pause longer, so that a dead channel costs little and is found again soon.
 */
import { type CircuitBreaker, createCircuitBreaker } from "../../base/circuit-breaker.ts"
import type { Clock } from "../../base/clock.ts"
import type { Log } from "../../base/log.ts"

const FAILURES = 5
const FIRST_PAUSE_MS = 5000
const MAX_PAUSE_MS = 10 * 60_000

/** A circuit breaker whose services are channel ids. */
export function createChannelBreaker({ clock, log }: { clock: Clock; log: Log }): CircuitBreaker {
  return createCircuitBreaker({
    clock,
    failures: FAILURES,
    pauseMs: (failures) => Math.min(FIRST_PAUSE_MS * 2 ** (failures - FAILURES), MAX_PAUSE_MS),
    probes: true,
    onPause: (channel, failures, ms) => log.warn("channel_paused", { channel, failures, ms }),
    onBack: (channel, failures) => log.info("channel_back", { channel, failures }),
  })
}
