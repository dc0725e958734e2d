/**
 * Breaker: a channel that failed several times in a row is left alone for a while, longer each time, and then tried with
 * one message. It knows channels one by one: a dead one never holds up another.
 */
import type { Clock } from "../../base/clock.ts"
import type { Log } from "../../base/log.ts"
import type { ChannelId } from "../../channels/channel.ts"

/** Failures in a row that pause a channel. */
const FAILURES = 5
const FIRST_PAUSE_MS = 5000
const MAX_PAUSE_MS = 10 * 60_000
/** Longer than any send takes: a probe whose end nobody told of counts as over. */
const PROBE_MS = 60_000
/** How long others wait while one message probes. */
const BEHIND_PROBE_MS = 1000

export interface Paused {
  channel: ChannelId
  until: Date
  /** In a row, so far. */
  failures: number
}

export interface Breaker {
  /** Null: send now, and tell how it went. Else when to ask again, with nothing counted against the message. */
  admit(channel: ChannelId): Date | null
  /** The message that was let through did not leave after all. */
  waived(channel: ChannelId): void
  /** The channel answered, be it with a refusal of this one message. */
  answered(channel: ChannelId): void
  /** It did not, or was too busy. @param afterMs how long it asked to be left alone. */
  failed(channel: ChannelId, afterMs?: number): void
  paused(): Paused[]
}

interface State {
  failures: number
  /** Milliseconds since the epoch; nothing but a probe is sent from the pause's begin until an answer. */
  until: number
  probingSince: number | null
}

export function createBreaker({ clock, log }: { clock: Clock; log: Log }): Breaker {
  const states = new Map<ChannelId, State>()
  const now = () => clock.now().getTime()
  return {
    admit(channel) {
      const state = states.get(channel)
      if (!state || state.failures < FAILURES) return null
      if (now() < state.until) return new Date(state.until)
      if (state.probingSince !== null && now() - state.probingSince < PROBE_MS) return new Date(now() + BEHIND_PROBE_MS)
      state.probingSince = now()
      return null
    },
    waived(channel) {
      const state = states.get(channel)
      if (state) state.probingSince = null
    },
    answered(channel) {
      const state = states.get(channel)
      if (state && state.failures >= FAILURES) log.info("channel_back", { channel, failures: state.failures })
      states.delete(channel)
    },
    failed(channel, afterMs = 0) {
      const failures = (states.get(channel)?.failures ?? 0) + 1
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - FAILURES), MAX_PAUSE_MS)
      states.set(channel, { failures, until: now() + Math.max(pause, afterMs), probingSince: null })
      if (failures >= FAILURES) log.warn("channel_paused", { channel, failures, ms: Math.max(pause, afterMs) })
    },
    paused: () =>
      [...states].flatMap(([channel, { failures, until }]) =>
        failures >= FAILURES ? [{ channel, failures, until: new Date(until) }] : [],
      ),
  }
}
