/**
 * Pollers: how messages come in without a public address. Telegram is long-polled, SMS is listed every few seconds; both
 * hand what they find to the same intake as the webhooks, and move on only after it is committed.
 */
import { setTimeout } from "node:timers/promises"
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import type { Sms } from "../channels/sms/sms.ts"
import type { Telegram } from "../channels/telegram/telegram.ts"
import type { Intake } from "../thread/intake.ts"

const SMS_EVERY_MS = 10_000
/** How far back each look goes: Twilio may list a message late, and repeats end in the inbox. */
const SMS_BACK_MS = 10 * 60_000
/** How far back the first look goes: what came in while nobody listened. */
const SMS_FIRST_BACK_MS = 24 * 3_600_000

export interface PollerDeps {
  intake: Intake
  clock: Clock
  random: () => number
  log: Log
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>
}

const timer = async (ms: number, signal: AbortSignal) => void (await setTimeout(ms, undefined, { signal, ref: false }))

/** Runs until the signal fires. */
export async function pollTelegram(telegram: Telegram, deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const poller = telegram.poller({
    clock: deps.clock,
    random: deps.random,
    sleep: deps.sleep ?? timer,
    onFailure: (error) => deps.log.warn("telegram_poll_failed", { error }),
    async accept(update) {
      for (const inbound of telegram.parse(update)) {
        await deps.intake.message(inbound)
        if (inbound.pressed)
          await telegram
            .ackPress(inbound.pressed, signal)
            .catch((error: unknown) => deps.log.warn("ack_failed", { error }))
      }
    },
  })
  await poller.run(signal)
}

/** Looks until the signal fires; a failed look is logged and repeated. */
export async function pollSms(sms: Sms, deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const { intake, clock, log, sleep = timer } = deps
  let since = new Date(clock.now().getTime() - SMS_FIRST_BACK_MS)
  while (!signal.aborted) {
    const now = clock.now()
    try {
      for (const { inbound, keyword } of await sms.listInbound(since, signal)) await intake.message(inbound, keyword)
      since = new Date(now.getTime() - SMS_BACK_MS)
    } catch (error) {
      if (!signal.aborted) log.warn("sms_poll_failed", { error })
    }
    await sleep(SMS_EVERY_MS, signal).catch(() => {})
  }
}
