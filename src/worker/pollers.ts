/**
 * Pollers: how messages come in without a public address. Telegram is long-polled, SMS is listed every few seconds; both
 * hand what they find to the same intake as the webhooks, and move on only after it is committed.
 */
import type { Clock } from "../base/clock.ts"
import { Reject, VigilError } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import { type Sleep, sleep as sleepFor } from "../base/timer.ts"
import type { Sms } from "../channels/sms/sms.ts"
import type { Telegram } from "../channels/telegram/telegram.ts"
import type { Intake } from "../thread/inbox/intake.ts"
import { createSmsTaking, isUnstorable } from "./sms-taking.ts"

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
  /** Told what keeps us from fetching Telegram's messages that asking its API does not show, and null once it is over. */
  trouble?: (trouble: Trouble | null) => Promise<void>
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: Sleep
}

export interface Trouble {
  code: string
  message: string
}

/** What a poll meets when somebody else uses the bot. */
const CONFLICTS = ["other_poller", "webhook_elsewhere"]

/** Runs until the signal fires. Throws `Misconfigured` for a wrong token. */
export async function pollTelegram(telegram: Telegram, deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const { intake, log } = deps
  // True at first: what an earlier process met may be over.
  let troubled = true
  const tell = (trouble: Trouble | null) => {
    troubled = trouble !== null
    deps.trouble?.(trouble).catch((error: unknown) => log.warn("poll_trouble_not_kept", { error }))
  }

  function onFailure(error: unknown): void {
    if (!(error instanceof VigilError && CONFLICTS.includes(error.code))) {
      log.warn("telegram_poll_failed", { error })
      return
    }
    const { message, code, fix = "" } = error
    log.error("telegram_polled_elsewhere", { code, fix, error })
    tell({ code, message: `${message}. ${fix}` })
  }

  const poller = telegram.poller({
    clock: deps.clock,
    random: deps.random,
    sleep: deps.sleep ?? sleepFor,
    onFailure,
    onAnswer: () => {
      if (troubled) tell(null)
    },
    async accept(update) {
      for (const inbound of telegram.parse(update)) {
        await intake.message(inbound).catch(rejectUnstorable)
        if (inbound.pressed)
          await telegram.ackPress(inbound.pressed, signal).catch((error: unknown) => log.warn("ack_failed", { error }))
      }
    },
  })
  await poller.run(signal)
}

/** Looks until the signal fires; a failed look is logged and repeated, and one bad message holds up its sender only. */
export async function pollSms(sms: Sms, deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const { clock, log, sleep = sleepFor } = deps
  const take = createSmsTaking(deps)
  let since = new Date(clock.now().getTime() - SMS_FIRST_BACK_MS)
  while (!signal.aborted) {
    const now = clock.now()
    try {
      const failure = await take(await sms.listInbound(since, signal))
      if (failure === null) since = new Date(now.getTime() - SMS_BACK_MS)
      else log.warn("sms_poll_failed", { error: failure.error })
    } catch (error) {
      if (!signal.aborted) log.warn("sms_poll_failed", { error })
    }
    await sleep(SMS_EVERY_MS, signal).catch(() => {})
  }
}

function rejectUnstorable(error: unknown): never {
  if (error instanceof Reject || !isUnstorable(error)) throw error
  throw new Reject(422, "the database refuses this message", { code: "unstorable", cause: error })
}
