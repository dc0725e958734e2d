/**
 * Long polling, for installations without a public address. The offset moves past an update only after `accept` has
 * stored it, so a crash at any point makes Telegram offer it again. One poller per bot: the caller sees to that.
 */

import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import { Misconfigured, Reject, Retry } from "../../base/errors.ts"
import type { CallTelegram } from "./api.ts"

/** Seconds Telegram holds an empty answer. */
export const LONG_POLL_SECONDS = 25
/** An empty answer that came sooner than this was no long poll, and must not be asked for again at once. */
const QUICK_MS = 1000
const BACKOFF_MS = 1000
const MAX_BACKOFF_MS = 60_000
/** Longest wait that is granted before asking again, whatever Telegram asks for. */
const MAX_WAIT_MS = 5 * 60_000

/** What we read; everything else stays at Telegram. */
export const UPDATE_KINDS = ["message", "edited_message", "callback_query"] as const

export interface TelegramPollerDeps {
  call: CallTelegram
  clock: Clock
  /** Stores one update durably. `Reject` means it never can be, and it is passed over; other errors repeat it. */
  accept: (update: unknown) => Promise<void>
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** A number in [0, 1), for jitter. */
  random: () => number
  /** Told of each failure that the poller survives. */
  onFailure?: (error: unknown) => void
  /** Told of each answer of Telegram's, before its updates are taken. */
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
        (quiet) => {
          failures = 0
          return quiet
        },
        (error: unknown) => {
          failures += 1
          return survive(error, failures, signal)
        },
      )
      if (pauseMs > 0) await deps.sleep(pauseMs, signal).catch(rethrowUnless(signal))
    }
  }

  /** How long to pause after a failure, in milliseconds; a wrong token is none to survive. */
  function survive(error: unknown, failures: number, signal: AbortSignal): number {
    if (signal.aborted) return 0
    if (error instanceof Misconfigured) throw error
    deps.onFailure?.(error)
    return backoff(error, failures, deps.random())
  }

  /** One question to Telegram; how long to pause before the next, in milliseconds. */
  async function round(signal: AbortSignal): Promise<number> {
    if (!isReady) await deps.call((api, stop) => api.deleteWebhook({ drop_pending_updates: false }, stop), signal)
    isReady = true
    const askedAt = deps.clock.now().getTime()
    const updates = await deps.call((api, stop) => api.getUpdates(question(offset), stop), signal)
    deps.onAnswer?.()
    for (const update of updates) {
      await take(update)
      if (signal.aborted) return 0
    }
    const wasQuick = deps.clock.now().getTime() - askedAt < QUICK_MS
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

function question(offset: number | undefined) {
  const from = offset === undefined ? {} : { offset }
  return { ...from, timeout: LONG_POLL_SECONDS, limit: 100, allowed_updates: [...UPDATE_KINDS] }
}

/** What Telegram asked for, within reason, else doubling waits with full jitter. */
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
