/**
 * Telegram: the channel put together. Who wrote is never trusted from here, only named; pressing a button is talk like
 * any other, and is acknowledged apart from being handled.
 */

import { Deny, Misconfigured, Reject } from "../../base/errors.ts"
import type { Channel, Inbound, WebhookRequest } from "../channel.ts"
import type { TelegramSettings } from "./api.ts"
import { createTelegramCalls } from "./api.ts"
import type { BotIdentity } from "./parse.ts"
import { parseUpdate } from "./parse.ts"
import type { PollerDeps, TelegramPoller } from "./poll.ts"
import { createTelegramPoller, LONG_POLL_SECONDS, UPDATE_KINDS } from "./poll.ts"
import { addressee, sendTelegram } from "./send.ts"
import { isFromTelegram, SECRET_HEADER } from "./verify.ts"

/** Milliseconds for one call that is not a long poll. */
const CALL_TIMEOUT_MS = 20_000

export interface Telegram extends Channel {
  readonly id: "telegram"
  /**
   * Turns a delivered webhook into messages; throws `Deny` without the right secret, `Reject` for no JSON. Null when no
   * secret is configured: then there must be no route.
   */
  readonly webhook: ((request: WebhookRequest) => Inbound[]) | null
  /** The messages in one polled or delivered update, already trusted to come from Telegram. */
  parse(update: unknown): Inbound[]
  /** Stops the waiting sign on a pressed button, with a short notice when given. A query too old to answer is no error. */
  ackPress(pressed: string, signal: AbortSignal, notice?: string): Promise<void>
  /** Takes the buttons off a sent message; `providerId` as in its receipt. A message already without them is no error. */
  removeButtons(target: string, providerId: string, signal: AbortSignal): Promise<void>
  /** Shows "typing" for about five seconds. */
  typing(target: string, signal: AbortSignal): Promise<void>
  /** Has Telegram deliver to `<publicUrl>/webhooks/telegram`. */
  setupWebhook(publicUrl: string, signal: AbortSignal): Promise<void>
  /** The menu of commands; names without a slash, at most 100. */
  setCommands(commands: { command: string; description: string }[], signal: AbortSignal): Promise<void>
  poller(deps: Omit<PollerDeps, "call">): TelegramPoller
}

/** `token` must hold the bot's number before its colon, else `Misconfigured`. */
export function createTelegram(settings: TelegramSettings): Telegram {
  const bot: BotIdentity = { id: botIdOf(settings.token) }
  const call = createTelegramCalls(settings, CALL_TIMEOUT_MS)
  const parse = (update: unknown) => parseUpdate(update, bot)
  const secret = settings.webhookSecret ?? ""

  async function probe(signal: AbortSignal): Promise<string> {
    const me = await call((api, stop) => api.getMe(stop), signal)
    bot.username = me.username
    return `@${me.username}`
  }

  return {
    id: "telegram",
    capabilities: { maxText: 4096, buttons: true, typing: true },
    webhook: secret === "" ? null : (request) => parse(verified(secret, request)),
    parse,
    probe,
    send: async (message) => await sendTelegram(call, message),
    ackPress: async (pressed, signal, notice) => {
      const text = notice === undefined ? {} : { text: notice.slice(0, 200) }
      await call((api, stop) => api.answerCallbackQuery(pressed, text, stop), signal).catch(
        unless(/too old|query id is invalid/i),
      )
    },
    removeButtons: async (target, providerId, signal) => {
      const message = Number(providerId.split(",").at(-1))
      const { chat } = addressee(target)
      await call((api, stop) => api.editMessageReplyMarkup(chat, message, {}, stop), signal).catch(
        unless(/not modified|not found/i),
      )
    },
    typing: async (target, signal) => {
      const { chat, topic } = addressee(target)
      const where = topic === undefined ? {} : { message_thread_id: topic }
      await call((api, stop) => api.sendChatAction(chat, "typing", where, stop), signal)
    },
    setupWebhook: async (publicUrl, signal) => {
      if (secret === "")
        throw new Misconfigured("Telegram's webhook needs a secret", {
          fix: "Set TELEGRAM_WEBHOOK_SECRET to a long random word.",
        })
      const options = { secret_token: secret, allowed_updates: [...UPDATE_KINDS], drop_pending_updates: false }
      await call(
        (api, stop) => api.setWebhook(`${publicUrl.replace(/\/+$/, "")}/webhooks/telegram`, options, stop),
        signal,
      )
    },
    setCommands: async (commands, signal) => {
      await call((api, stop) => api.setMyCommands(commands, {}, stop), signal)
    },
    poller: (deps) =>
      createTelegramPoller({ ...deps, call: createTelegramCalls(settings, LONG_POLL_SECONDS * 1000 + 10_000) }),
  }
}

function botIdOf(token: string): number {
  const id = /^(\d{1,15}):./.exec(token)?.[1]
  if (id !== undefined) return Number(id)
  throw new Misconfigured("TELEGRAM_BOT_TOKEN does not look like a bot token", {
    fix: "Copy the whole token from BotFather: digits, a colon, then letters.",
  })
}

function verified(secret: string, request: WebhookRequest): unknown {
  if (!isFromTelegram(secret, request.headers[SECRET_HEADER]))
    throw new Deny("the Telegram secret is missing or wrong", { code: "bad_signature" })
  try {
    return JSON.parse(request.body)
  } catch (cause) {
    throw new Reject(400, "the Telegram update is no JSON", { code: "bad_body", cause })
  }
}

/** Passes over refusals that mean there is nothing left to do. */
function unless(harmless: RegExp): (error: unknown) => void {
  return (error) => {
    if (error instanceof Reject && harmless.test(error.message)) return
    throw error
  }
}
