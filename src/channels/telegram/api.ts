/**
 * Telegram calls: Telegram's Bot API, over grammY, with our errors. No error that leaves this file holds the bot's token, which
 * is part of every address. grammY is loaded with the first call.
 */
import type { Api } from "grammy"
import { z } from "zod"
import { createBoundedFetch, networkFailure } from "../../base/bounded-fetch.ts"
import type { VigilError } from "../../base/errors.ts"
import { Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"

export interface TelegramSettings {
  /** `<bot id>:<secret>` from BotFather. */
  token: string
  /** The secret of the webhook. Without it the route must not be mounted, and updates are polled. */
  webhookSecret?: string
  /** Base address of the Bot API server; the public one when absent. */
  apiRoot?: string
  /** Our public base address. With it and the secret, Telegram delivers updates, and nothing is polled. */
  publicUrl?: string
}

/** Thrown when a group became a supergroup: the chat has the id `to` now, and nothing was done under the old id. */
export class ChatMoved extends Reject {
  readonly to: number
  constructor(message: string, to: number, cause: Error) {
    super(400, `${message}; the chat is now ${to}`, { code: "chat_migrated", cause })
    this.to = to
  }
}

/** Makes one call. Throws `Retry`, `Uncertain`, `Reject` or `Misconfigured`. */
export type CallTelegram = <T>(call: (api: Api, signal: Signal) => Promise<T>, signal: AbortSignal) => Promise<T>

/** The signal type of grammY's calls: the standard signal under an older type name. */
type Signal = NonNullable<Parameters<Api["getMe"]>[0]>

const MAX_ANSWER_BYTES = 8_000_000

/** Makes the function for all calls. `timeoutMs` limits one call; a long poll needs more than the time it waits. */
export function createTelegramCalls(settings: TelegramSettings, timeoutMs: number): CallTelegram {
  let api: Promise<Api> | undefined
  return async (call, signal) => {
    api ??= openApi(settings, timeoutMs)
    const opened = await api
    try {
      return await call(opened, signal as Signal)
    } catch (error) {
      throw telegramError(error)
    }
  }
}

async function openApi(settings: TelegramSettings, timeoutMs: number): Promise<Api> {
  const { Api } = await import("grammy")
  const bounded = createBoundedFetch({ timeoutMs, maxBytes: MAX_ANSWER_BYTES })
  const apiRoot = settings.apiRoot?.replace(/\/+$/, "")
  return new Api(settings.token, {
    ...(apiRoot === undefined ? {} : { apiRoot }),
    timeoutSeconds: Math.ceil(timeoutMs / 1000) + 5,
    fetch: standardFetch(bounded) as never,
  })
}

/**
 * Our fetch as grammY calls it. grammY is written for node-fetch: the platform's fetch refuses its signal, so the abort is
 * passed on by an event.
 */
function standardFetch(bounded: ReturnType<typeof createBoundedFetch>) {
  return async (
    url: string | URL,
    init: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal },
  ) => {
    const abort = new AbortController()
    const stop = () => abort.abort()
    if (init.signal?.aborted) stop()
    init.signal?.addEventListener("abort", stop)
    const { method = "POST", headers = {}, body = null } = init
    try {
      return await bounded(url, { method, headers, body, signal: abort.signal, redirect: "error" })
    } finally {
      init.signal?.removeEventListener("abort", stop)
    }
  }
}

const refusal = z.object({
  error_code: z.number(),
  description: z.string(),
  parameters: z.object({ retry_after: z.number().optional(), migrate_to_chat_id: z.number().optional() }).default({}),
})
type Refusal = z.infer<typeof refusal>

/**
 * The error that a failed call means (Bot API, "Making requests"). After an answer with `ok: false` the call surely did
 * nothing; without such an answer it may have done its work.
 */
function telegramError(error: unknown): VigilError {
  const refused = refusal.safeParse(error)
  if (refused.success) return refusalError(refused.data)
  const inner = error instanceof Error && "error" in error ? error.error : error
  return networkFailure(inner) ?? lostAnswer(inner)
}

/** For an answer that is not the Bot API's JSON, such as a gateway's error page. */
function lostAnswer(inner: unknown): VigilError {
  const kind = inner instanceof Error ? inner.name : "unknown failure"
  return new Uncertain(`Telegram's answer could not be read (${kind})`, { code: "answer_unreadable" })
}

function refusalError({ error_code: status, description, parameters }: Refusal): VigilError {
  const cause = new Error(description)
  const message = `Telegram said: ${description}`
  if (status === 429) return new Retry(message, { code: "rate_limited", cause, ...pauseOf(parameters.retry_after) })
  if (status === 409) return conflict(message, description, cause)
  if (status >= 500) return new Retry(message, { code: "telegram_away", cause })
  if (status === 401 || (status === 404 && description === "Not Found")) {
    return new Misconfigured("Telegram does not know this bot token", {
      fix: "Set TELEGRAM_BOT_TOKEN to the token BotFather shows.",
      cause,
    })
  }
  if (status === 403)
    return new Reject(403, message, {
      code: "blocked",
      fix: "The person must unblock the bot or start it once.",
      cause,
    })
  const migrated = parameters.migrate_to_chat_id
  if (migrated !== undefined) return new ChatMoved(message, migrated, cause)
  if (/chat not found/i.test(description)) {
    return new Reject(400, message, {
      code: "chat_not_found",
      fix: "The person must send the bot a message first.",
      cause,
    })
  }
  return new Reject(status, message, { code: "telegram_refused", cause })
}

/** Telegram lets one program poll a bot's updates, and none while a webhook is set. */
function conflict(message: string, description: string, cause: Error): Retry {
  if (/webhook/i.test(description))
    return new Retry(message, {
      code: "webhook_elsewhere",
      fix: "Another program has set a webhook for this bot: give each its own bot, or restart Vigil to take this one back.",
      cause,
    })
  return new Retry(message, {
    code: "other_poller",
    fix: "Another program polls this bot: stop it, or give each its own bot.",
    cause,
  })
}

const pauseOf = (seconds: number | undefined) => (seconds === undefined ? {} : { afterMs: seconds * 1000 })
