/**
 * Breaker of the channels: a channel that failed five times in a row is left alone, longer each time, and then tried with one
 * message.
 */
import { type CircuitBreaker, createCircuitBreaker } from "../../base/circuit-breaker.ts"
import type { Clock } from "../../base/clock.ts"
import type { Log } from "../../base/log.ts"

const FAILURES = 5
const FIRST_PAUSE_MS = 5000
const MAX_PAUSE_MS = 10 * 60_000

/** Its services are channel ids. */
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
