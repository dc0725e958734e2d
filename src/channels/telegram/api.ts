/**
 * Telegram's Bot API behind our errors. grammY is loaded with the first call; no error that leaves this file carries
 * the bot's token, which is part of every address.
 */
import type { Api } from "grammy"
import { z } from "zod"
import { createBoundedFetch, networkFailure } from "../../base/bounded-fetch.ts"
import type { VigilError } from "../../base/errors.ts"
import { Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"

export interface TelegramSettings {
  /** `<bot id>:<secret>` from BotFather. */
  token: string
  /** Without it there is no webhook: the route must not be mounted, and updates are polled. */
  webhookSecret?: string
  /** Base address of the Bot API server; the public one when absent. */
  apiRoot?: string
  /** Where others reach us; with it and the secret, Telegram delivers to us instead of being polled. */
  publicUrl?: string
}

/** The group became a supergroup: it has another id now, and nothing was done under the old one. */
export class ChatMoved extends Reject {
  readonly to: number
  constructor(said: string, to: number, cause: Error) {
    super(400, `${said}; the chat is now ${to}`, { code: "chat_migrated", cause })
    this.to = to
  }
}

/** Calls the API; failures are `Retry`, `Uncertain`, `Reject` or `Misconfigured`. */
export type CallTelegram = <T>(call: (api: Api, signal: Signal) => Promise<T>, signal: AbortSignal) => Promise<T>

/** The signal type of grammY's own calls: the standard one, under an older name. */
type Signal = NonNullable<Parameters<Api["getMe"]>[0]>

const MAX_ANSWER_BYTES = 8_000_000

/** `timeoutMs` is the limit of one call; a long poll needs more than its own waiting time. */
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

/** grammY speaks node-fetch; its signal is a look-alike that the platform's fetch refuses, so it is passed on by event. */
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
 * What a failed call means (Bot API, "Making requests"): an answer with `ok: false` surely did nothing; everything that
 * is not an answer may have happened.
 */
function telegramError(error: unknown): VigilError {
  const refused = refusal.safeParse(error)
  if (refused.success) return refusalError(refused.data)
  const inner = error instanceof Error && "error" in error ? error.error : error
  return networkFailure(inner) ?? lostAnswer(inner)
}

/** Something came back that is not the Bot API's JSON, a gateway's error page for one. */
function lostAnswer(inner: unknown): VigilError {
  const kind = inner instanceof Error ? inner.name : "unknown failure"
  return new Uncertain(`Telegram's answer could not be read (${kind})`, { code: "answer_unreadable" })
}

function refusalError({ error_code: status, description, parameters }: Refusal): VigilError {
  const cause = new Error(description)
  const said = `Telegram said: ${description}`
  if (status === 429) return new Retry(said, { code: "rate_limited", cause, ...waitOf(parameters.retry_after) })
  if (status === 409) return conflict(said, description, cause)
  if (status >= 500) return new Retry(said, { code: "telegram_away", cause })
  if (status === 401 || (status === 404 && description === "Not Found")) {
    return new Misconfigured("Telegram does not know this bot token", {
      fix: "Set TELEGRAM_BOT_TOKEN to the token BotFather shows.",
      cause,
    })
  }
  if (status === 403)
    return new Reject(403, said, { code: "blocked", fix: "The person must unblock the bot or start it once.", cause })
  const migrated = parameters.migrate_to_chat_id
  if (migrated !== undefined) return new ChatMoved(said, migrated, cause)
  if (/chat not found/i.test(description)) {
    return new Reject(400, said, {
      code: "chat_not_found",
      fix: "The person must send the bot a message first.",
      cause,
    })
  }
  return new Reject(status, said, { code: "telegram_refused", cause })
}

/** Only one may fetch a bot's updates, and nobody while a webhook is set. */
function conflict(said: string, description: string, cause: Error): Retry {
  if (/webhook/i.test(description))
    return new Retry(said, {
      code: "webhook_elsewhere",
      fix: "Another program has set a webhook for this bot: give each its own bot, or restart Vigil to take this one back.",
      cause,
    })
  return new Retry(said, {
    code: "other_poller",
    fix: "Another program polls this bot: stop it, or give each its own bot.",
    cause,
  })
}

const waitOf = (seconds: number | undefined) => (seconds === undefined ? {} : { afterMs: seconds * 1000 })
