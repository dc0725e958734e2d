/**
 * Twilio client: the `twilio` package over our bounded fetch, so that every call can be cancelled, is limited in time and
 * size, uses the configured base address and throws our errors. The package is loaded with the first call.
 */
import type TwilioClient from "twilio/lib/rest/Twilio.js"
import { z } from "zod"
import type { Fetch } from "../../base/bounded-fetch.ts"
import { createBoundedFetch, forRead, networkFailure } from "../../base/bounded-fetch.ts"
import { Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"
import { sendFailure } from "./failures.ts"

export interface SmsSettings {
  accountSid: string
  authToken: string
  /** The token before a rotation; webhooks that it signed are still accepted. */
  previousAuthToken?: string
  /** Our number in E.164. This, `messagingServiceSid` or `whatsappNumber` must be set. */
  number?: string
  messagingServiceSid?: string
  /** Our sender on WhatsApp in E.164, where it is not `number`. */
  whatsappNumber?: string
  /** Base address that replaces every Twilio host, in tests and behind proxies. */
  apiBase?: string
  /** Our public base address. Without it there are no webhooks and no delivery reports. */
  publicUrl?: string
}

type Client = InstanceType<typeof TwilioClient>

export interface TwilioCalls {
  /** Makes a call that creates something: a lost answer is `Uncertain`. */
  write<T>(call: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>
  /** Makes a call that only reads: a lost answer is `Retry`. */
  read<T>(call: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>
}

const CALL_TIMEOUT_MS = 20_000
const MAX_ANSWER_BYTES = 8_000_000

export function createTwilioCalls(settings: SmsSettings): TwilioCalls {
  const bounded = createBoundedFetch({ timeoutMs: CALL_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES })

  async function write<T>(call: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    const client = await openClient(settings, bounded, signal)
    return await call(client).catch((error: unknown) => {
      throw twilioError(error)
    })
  }

  async function read<T>(call: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T> {
    return await write(call, signal).catch((error: unknown) => {
      throw error instanceof Uncertain ? forRead(error) : error
    })
  }

  return { write, read }
}

/** Makes one client per call, because the package takes no signal. That is cheap: a client holds no connection of its own. */
async function openClient(settings: SmsSettings, bounded: Fetch, signal: AbortSignal): Promise<Client> {
  const [{ default: Twilio }, { default: RequestClient }] = await Promise.all([
    import("twilio/lib/rest/Twilio.js"),
    import("twilio/lib/base/RequestClient.js"),
  ])
  const httpClient = new RequestClient()
  httpClient.request = async (wanted) => {
    const { url, init } = requestOf(wanted, settings)
    const response = await bounded(url, { ...init, signal, redirect: "error" })
    const body = await response.text()
    refuseBusy(response, body)
    return { statusCode: response.status, body: body as never, headers: Object.fromEntries(response.headers) }
  }
  return new Twilio(settings.accountSid, settings.authToken, { httpClient })
}

/** A request as the package wants it made. */
interface WantedRequest {
  method: string
  uri: string
  headers?: Record<string, unknown>
  params?: unknown
  data?: unknown
}

function requestOf(wanted: WantedRequest, settings: SmsSettings): { url: URL; init: RequestInit } {
  const original = new URL(wanted.uri)
  const url =
    settings.apiBase === undefined
      ? original
      : new URL(`${settings.apiBase.replace(/\/+$/, "")}${original.pathname}${original.search}`)
  for (const [key, value] of fields(wanted.params)) url.searchParams.append(key, value)
  const form = wanted.data === undefined ? {} : { body: new URLSearchParams(fields(wanted.data)) }
  const headers = new Headers({ accept: "application/json", authorization: basicAuth(settings) })
  const agent = wanted.headers?.["User-Agent"]
  if (typeof agent === "string") headers.set("user-agent", agent)
  return { url, init: { method: wanted.method.toUpperCase(), headers, ...form } }
}

function basicAuth({ accountSid, authToken }: SmsSettings): string {
  return `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`
}

function fields(given: unknown): [string, string][] {
  if (typeof given !== "object" || given === null) return []
  return Object.entries(given).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((each) => each !== undefined)
      .map((each): [string, string] => [key, String(each)]),
  )
}

const refusal = z.object({ code: z.number(), message: z.string().default("") })

/**
 * Throws for 429 and 5xx: `Retry` for a refusal in Twilio's own form, which surely created nothing; `Uncertain` for any other
 * body, because a gateway's page does not say what happened behind the gateway.
 */
function refuseBusy(response: Response, body: string): void {
  if (response.status !== 429 && response.status < 500) return
  const refused = refusal.safeParse(jsonOf(body))
  if (response.status !== 429 && !refused.success) {
    throw new Uncertain(`Twilio's gateway answered ${response.status}`, { code: "answer_unreadable" })
  }
  const seconds = Number(response.headers.get("retry-after"))
  const pause = seconds > 0 ? { afterMs: seconds * 1000 } : {}
  throw new Retry(`Twilio is busy (${response.status} ${refused.data?.message ?? ""})`.trim(), {
    code: "rate_limited",
    ...pause,
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The package's own error for a refused call. */
const refusedCall = z.object({ status: z.number(), code: z.number().optional(), message: z.string() })

function twilioError(error: unknown): Error {
  const network = networkFailure(error)
  if (network !== null) return network
  const refused = refusedCall.safeParse(error)
  if (!refused.success)
    return new Uncertain("Twilio's answer could not be read", { code: "answer_unreadable", cause: error })
  const { status, code, message } = refused.data
  if (code === 20429) return new Retry(`Twilio is busy: ${message}`, { code: "rate_limited", cause: error })
  if (status === 401 || code === 20003) {
    return new Misconfigured("Twilio does not accept our credentials", {
      fix: "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the values in the Twilio console.",
      cause: error,
    })
  }
  return new Reject(status, `Twilio refused the message: ${message}`, { ...sendFailure(code), cause: error })
}
