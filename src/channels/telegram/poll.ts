/**
 * Telegram poller: fetches updates by long polling, for installations without a public address. The offset moves past an
 * update only after `accept` has stored it, so Telegram offers the update again after a crash at any point. The caller makes
 * sure that one poller runs for a bot.
 */
import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import { Misconfigured, Reject, Retry } from "../../base/errors.ts"
import type { CallTelegram } from "./api.ts"

/** Seconds for which Telegram holds an empty answer. */
export const LONG_POLL_SECONDS = 25
/** Milliseconds. After an empty answer that came sooner than this, the poller pauses: Telegram did not hold it. */
const QUICK_MS = 1000
const BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000
/** Milliseconds. The longest pause, also when Telegram asks for a longer one. */
const MAX_WAIT_MS = 5 * 60_000

/** The kinds of updates that Vigil reads. Telegram keeps all others. */
export const UPDATE_KINDS = ["message", "edited_message", "callback_query"] as const

export interface TelegramPollerDeps {
  call: CallTelegram
  clock: Clock
  /** Stores one update durably. After a `Reject` the update is skipped; after any other error it is fetched again. */
  accept: (update: unknown) => Promise<void>
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** A number in [0, 1), for jitter. */
  random: () => number
  /** Called with each failure that the poller survives. */
  onFailure?: (error: unknown) => void
  /** Called for each answer of Telegram, before its updates are stored. */
  onAnswer?: () => void
}

export interface TelegramPoller {
  /** Polls until the signal fires, then resolves. Throws `Misconfigured` when the token is wrong. */
  run(signal: AbortSignal): Promise<void>
}

const numbered = z.object({ update_id: z.number().int() })

export function createTelegramPoller(deps: TelegramPollerDeps): TelegramPoller {
  let offset: number | undefined
  let isReady = false

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const pauseMs = await round(signal).then(
        (ms) => {
          failures = 0
          return ms
        },
        (error: unknown) => {
          failures += 1
          return survive(error, failures, signal)
        },
      )
      if (pauseMs > 0) await deps.sleep(pauseMs, signal).catch(rethrowUnless(signal))
    }
  }

  /** How long to pause after a failure, in milliseconds. Throws `Misconfigured` on, because no pause mends a wrong token. */
  function survive(error: unknown, failures: number, signal: AbortSignal): number {
    if (signal.aborted) return 0
    if (error instanceof Misconfigured) throw error
    deps.onFailure?.(error)
    return backoff(error, failures, deps.random())
  }

  /** Fetches and stores updates once. Returns how long to pause before the next round, in milliseconds. */
  async function round(signal: AbortSignal): Promise<number> {
    if (!isReady) await deps.call((api, stop) => api.deleteWebhook({ drop_pending_updates: false }, stop), signal)
    isReady = true
    const startedAt = deps.clock.now().getTime()
    const updates = await deps.call((api, stop) => api.getUpdates(optionsFrom(offset), stop), signal)
    deps.onAnswer?.()
    for (const update of updates) {
      await take(update)
      if (signal.aborted) return 0
    }
    const wasQuick = deps.clock.now().getTime() - startedAt < QUICK_MS
    return updates.length === 0 && wasQuick ? QUICK_MS : 0
  }

  async function take(update: unknown): Promise<void> {
    const { update_id } = numbered.parse(update)
    try {
      await deps.accept(update)
    } catch (error) {
      if (!(error instanceof Reject)) throw error
      deps.onFailure?.(error)
    }
    offset = update_id + 1
  }

  return { run }
}

function optionsFrom(offset: number | undefined) {
  const from = offset === undefined ? {} : { offset }
  return { ...from, timeout: LONG_POLL_SECONDS, limit: 100, allowed_updates: [...UPDATE_KINDS] }
}

/** The pause that Telegram asked for, up to `MAX_WAIT_MS`; else a pause that doubles with each failure, with jitter. */
function backoff(error: unknown, failures: number, random: number): number {
  if (error instanceof Retry && error.afterMs !== undefined) return Math.min(error.afterMs, MAX_WAIT_MS)
  const ceiling = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** Math.min(failures - 1, 10))
  return ceiling / 2 + (ceiling / 2) * random
}

function rethrowUnless(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error
  }
}
