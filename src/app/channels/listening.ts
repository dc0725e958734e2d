/**
 * Listening: how messages reach this process. Without a public address one process at a time polls for them. With one,
 * Telegram is told where to deliver. A call to Telegram at the start is repeated until it succeeds or is refused for good.
 */
import { z } from "zod"
import type { ChatCommand } from "../../agent/commands/commands.ts"
import { Retry, Uncertain } from "../../base/errors.ts"
import { newId } from "../../base/ids.ts"
import { retry } from "../../base/retry.ts"
import type { Channels } from "../../channels/open.ts"
import type { Telegram } from "../../channels/telegram/telegram.ts"
import { moveChat } from "../../thread/inbox/chat-migration.ts"
import { createLeader } from "../../worker/leader.ts"
import { pollSms, pollTelegram, type Trouble } from "../../worker/pollers.ts"
import type { Infrastructure } from "../infrastructure.ts"
import { setTelegramMenu } from "./telegram-menu.ts"

const CALL_MS = 20_000
const MAX_PAUSE_MS = 60_000
/** A poller's trouble is forgotten after this time without a new report, since the process that met it may be gone. */
const TROUBLE_MS = 10 * 60_000
const TROUBLE = ["channel-trouble", "telegram"] as const

export interface ListenDeps {
  infrastructure: Infrastructure
  channels: Channels
  /** Whether this process does work. A process that only serves the web polls for nothing. */
  works: boolean
  commands: ChatCommand[]
}

/** Begins to listen at once. Returns the function that ends it. */
export function listenIn(deps: ListenDeps): () => void {
  const { infrastructure, channels, works } = deps
  const { log } = infrastructure
  const stopped = new AbortController()
  const { signal } = stopped
  const { telegram, sms } = channels
  const asLeader = createLeader({ ...infrastructure, owner: newId() })
  const polling = { ...infrastructure, random: Math.random, trouble: keepTrouble(infrastructure) }
  if (telegram) {
    telegram.onMoved((from, to) => {
      moveChat(infrastructure.db, "telegram", from, to).catch((error: unknown) => log.warn("chat_not_moved", { error }))
    })
    beginTelegram(telegram, deps, signal)
      .then(async () => {
        const poll = (held: AbortSignal) => pollTelegram(telegram, polling, held)
        if (works && telegram.isPolled) await asLeader(`telegram:${telegram.botId}`, poll, signal)
      })
      .catch((error: unknown) => log.error("telegram_polling_ended", { error }))
  }
  if (works && sms && !sms.webhook) {
    const poll = (held: AbortSignal) => pollSms(sms, polling, held)
    asLeader("sms", poll, signal).catch((error: unknown) => log.error("sms_polling_ended", { error }))
  }
  return () => stopped.abort()
}

/** Name, webhook and menus. Each process must know the name: in groups it tells whom words are for. */
async function beginTelegram(telegram: Telegram, deps: ListenDeps, signal: AbortSignal): Promise<void> {
  const { infrastructure, works, commands } = deps
  const { PUBLIC_URL } = infrastructure.config
  const tell = (failure: string, work: (within: AbortSignal) => Promise<unknown>) =>
    untilDone(work, (error) => infrastructure.log.warn(failure, { error }), signal)
  await tell("telegram_probe_failed", (within) => telegram.identify(within))
  if (!works) return
  if (!telegram.isPolled && PUBLIC_URL)
    await tell("telegram_webhook_failed", (within) => telegram.setupWebhook(PUBLIC_URL, within))
  void tell("telegram_menus_failed", (within) => setTelegramMenu({ ...infrastructure, telegram, commands }, within))
}

/** Repeats `work`, with longer and longer pauses, until it succeeds or fails with an error that no repetition can mend. */
async function untilDone(
  work: (within: AbortSignal) => Promise<unknown>,
  failed: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const pauseMs = (error: unknown, tries: number) => {
    failed(error)
    return pauseAfter(error, Math.min(1000 * 2 ** (tries - 1), MAX_PAUSE_MS))
  }
  const once = () => work(AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]))
  // `pauseMs` has reported every error to `failed`, the last one too.
  await retry(once, { pauseMs, signal }).catch(() => {})
}

/** Milliseconds until the next try; null for an error that another try cannot mend. */
function pauseAfter(error: unknown, usualMs: number): number | null {
  if (error instanceof Retry) return Math.max(error.afterMs ?? 0, usualMs)
  return error instanceof Uncertain ? usualMs : null
}

const trouble = z.object({ code: z.string(), message: z.string() })

/** Keeps the trouble in the database, because another process than the poller may be asked for the status. */
function keepTrouble({ db, kv, clock }: Infrastructure): (met: Trouble | null) => Promise<void> {
  return async (met) => {
    if (met === null) await kv.delete(db, ...TROUBLE)
    else await kv.set(db, ...TROUBLE, met, { expiresAt: new Date(clock.now().getTime() + TROUBLE_MS) })
  }
}

/** The same channels, but the probe of Telegram also fails with the trouble that its poller met. */
export function withTrouble(channels: Channels, { kv }: Pick<Infrastructure, "kv">): Channels {
  const { telegram } = channels
  if (!telegram) return channels
  return {
    ...channels,
    telegram: {
      ...telegram,
      async probe(signal) {
        const detail = await telegram.probe(signal)
        const { success, data } = trouble.safeParse((await kv.get(...TROUBLE))?.value)
        if (success && telegram.isPolled) throw new Retry(data.message, { code: data.code })
        return detail
      },
    },
  }
}
