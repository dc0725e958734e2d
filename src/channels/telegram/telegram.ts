/**
 * Telegram: the channel over the Bot API, made of the other files of this folder. It names the sender of a message and never
 * decides whether to trust them. A pressed button is a message like any other; its acknowledgement is a call of its own.
 */
import { type Clock, systemClock } from "../../base/clock.ts"
import { Deny, Misconfigured, Reject } from "../../base/errors.ts"
import type { Channel, Inbound, WebhookRequest } from "../channel.ts"
import type { TelegramSettings } from "./api.ts"
import { createTelegramCalls } from "./api.ts"
import { createChats } from "./chats.ts"
import { createEdits } from "./edit.ts"
import { deliveryHealth } from "./health.ts"
import { fetchTelegramFile } from "./media.ts"
import type { BotIdentity } from "./parse.ts"
import { parseUpdate, readMove } from "./parse.ts"
import type { TelegramPoller, TelegramPollerDeps } from "./poll.ts"
import { createTelegramPoller, LONG_POLL_SECONDS, UPDATE_KINDS } from "./poll.ts"
import { telegramRateLimits } from "./rate-limits.ts"
import { sendTelegram } from "./send.ts"
import { isFromTelegram, SECRET_HEADER } from "./verify.ts"

/** Milliseconds for one call that is not a long poll. */
const CALL_TIMEOUT_MS = 20_000

export interface Telegram extends Channel {
  readonly id: "telegram"
  /**
   * Turns a webhook call into messages. Throws `Deny` when the secret is missing or wrong, `Reject` when the body is not
   * JSON. Null when no secret is configured: then there must be no route.
   */
  readonly webhook: ((request: WebhookRequest) => Inbound[]) | null
  /** Whether updates must be polled, because there is no public address or no secret. */
  readonly isPolled: boolean
  /** The bot's id, the same in all processes that share its token. */
  readonly botId: number
  /** The messages in one update, which must be known to come from Telegram. */
  parse(update: unknown): Inbound[]
  /** Asks Telegram for the bot's name, by which groups address it, and returns it. */
  identify(signal: AbortSignal): Promise<string>
  /** Adds a listener for chats that get another id. Targets of the chat begin with `from` until then, with `to` after it. */
  onMoved(listener: (from: string, to: string) => void): void
  /** Stops the waiting sign on a pressed button, and shows `notice` for a moment. A query that is too old is no error. */
  ackPress(pressed: string, signal: AbortSignal, notice?: string): Promise<void>
  /** Removes the buttons of a sent message; `providerId` is the one of its receipt. A message without buttons is no error. */
  removeButtons(target: string, providerId: string, signal: AbortSignal): Promise<void>
  /** Replaces the text of an approval and removes its buttons. Where `text` does not fit, only the buttons are removed. */
  closeApproval(target: string, providerId: string, text: string, signal: AbortSignal): Promise<void>
  typing: NonNullable<Channel["typing"]>
  edit: NonNullable<Channel["edit"]>
  unsend: NonNullable<Channel["unsend"]>
  editEveryMs: NonNullable<Channel["editEveryMs"]>
  /** Makes Telegram deliver updates to `<publicUrl>/webhooks/telegram`. Throws `Misconfigured` without a secret. */
  setupWebhook(publicUrl: string, signal: AbortSignal): Promise<void>
  /** Sets the menu of commands (names without a slash, at most 100) for everyone, or for one chat. */
  setCommands(commands: MenuEntry[], signal: AbortSignal, chat?: string): Promise<void>
  poller(deps: Omit<TelegramPollerDeps, "call">): TelegramPoller
}

export interface MenuEntry {
  command: string
  description: string
}

/** Throws `Misconfigured` when `token` does not begin with the bot's id and a colon. */
export function createTelegram(settings: TelegramSettings, clock: Clock = systemClock): Telegram {
  const bot: BotIdentity = { id: botIdOf(settings.token) }
  const call = createTelegramCalls(settings, CALL_TIMEOUT_MS)
  const chats = createChats()
  const secret = settings.webhookSecret ?? ""
  const isPolled = secret === "" || !settings.publicUrl

  function parse(update: unknown): Inbound[] {
    const move = readMove(update)
    if (move !== null) chats.moved(move.from, move.to)
    return parseUpdate(update, bot)
  }

  async function identify(signal: AbortSignal): Promise<string> {
    const me = await call((api, stop) => api.getMe(stop), signal)
    bot.username = me.username
    return me.username
  }

  return {
    id: "telegram",
    botId: bot.id,
    isPolled,
    capabilities: { maxText: 4096, buttons: true, typing: true },
    rateLimits: telegramRateLimits,
    webhook: secret === "" ? null : (request) => parse(verified(secret, request)),
    parse,
    identify,
    onMoved: chats.onMoved,
    async probe(signal) {
      const name = await identify(signal)
      const expected = isPolled ? null : webhookAt(settings.publicUrl ?? "")
      const news = await deliveryHealth(call, expected, clock.now(), signal)
      return news === "" ? `@${name}` : `@${name}; ${news}`
    },
    send: async (message) => await sendTelegram(call, chats, message),
    ...createEdits(call, chats),
    fetchMedia: async (ref, limits) => await fetchTelegramFile({ call, settings }, ref, limits),
    ackPress: async (pressed, signal, notice) => {
      const text = notice === undefined ? {} : { text: notice.slice(0, 200) }
      await call((api, stop) => api.answerCallbackQuery(pressed, text, stop), signal).catch(isTooOld)
    },
    typing: async (target, signal) => {
      await chats.at(target, ({ chat, where }) =>
        call((api, stop) => api.sendChatAction(chat, "typing", where, stop), signal),
      )
    },
    setupWebhook: async (publicUrl, signal) => {
      if (secret === "")
        throw new Misconfigured("Telegram's webhook needs a secret", {
          fix: "Set TELEGRAM_WEBHOOK_SECRET to a long random word.",
        })
      const options = { secret_token: secret, allowed_updates: [...UPDATE_KINDS], drop_pending_updates: false }
      await call((api, stop) => api.setWebhook(webhookAt(publicUrl), options, stop), signal)
    },
    setCommands: async (commands, signal, chat) => {
      const scope = chat === undefined ? {} : { scope: { type: "chat" as const, chat_id: chat } }
      await call((api, stop) => api.setMyCommands(commands, scope, stop), signal)
    },
    poller: (deps) =>
      createTelegramPoller({ ...deps, call: createTelegramCalls(settings, LONG_POLL_SECONDS * 1000 + 10_000) }),
  }
}

const webhookAt = (publicUrl: string) => `${publicUrl.replace(/\/+$/, "")}/webhooks/telegram`

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
    throw new Reject(400, "the Telegram update is not JSON", { code: "bad_body", cause })
  }
}

/** Ignores the refusal that means that there is nothing left to acknowledge. */
function isTooOld(error: unknown): void {
  if (!(error instanceof Reject && /too old|query id is invalid/i.test(error.message))) throw error
}
