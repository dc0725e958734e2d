/**
 * Pollers: fetch messages where there is no public address. Telegram is long-polled and SMS is listed every ten seconds. Both
 * hand messages to the same intake as the webhooks do. A poller moves on only after the commit, so no message is lost.
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
/** How far back each listing goes, since Twilio may list a message late. The inbox drops the repeats. */
const SMS_BACK_MS = 10 * 60_000
/** How far back the first listing goes: to the messages that came in while no process ran. */
const SMS_FIRST_BACK_MS = 24 * 3_600_000

export interface PollerDeps {
  intake: Intake
  clock: Clock
  random: () => number
  log: Log
  /**
   * Called with what prevents polling of Telegram and cannot be seen by asking its API (another program polls the same bot),
   * and with null once it is over.
   */
  trouble?: (trouble: Trouble | null) => Promise<void>
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: Sleep
}

export interface Trouble {
  code: string
  message: string
}

/** Error codes of a poll while another program uses the same bot. */
const CONFLICTS = ["other_poller", "webhook_elsewhere"]

/** Runs until the signal fires. Throws `Misconfigured` for a wrong token. */
export async function pollTelegram(telegram: Telegram, deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const { intake, log } = deps
  // True at first, so that the first success clears the trouble which an earlier process stored.
  let isTroubled = true
  const tell = (trouble: Trouble | null) => {
    isTroubled = trouble !== null
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
      if (isTroubled) tell(null)
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

/** Lists until the signal fires. A failed listing is logged and repeated; a bad message holds up its own conversation only. */
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

/** Makes `Reject` of an error that no repetition can mend, so that the poller passes the update over. */
function rejectUnstorable(error: unknown): never {
  if (error instanceof Reject || !isUnstorable(error)) throw error
  throw new Reject(422, "the database refuses this message", { code: "unstorable", cause: error })
}
