/**
 * Twilio's own client over our bounded fetch: cancellable, limited in time and size, on the configured base address,
 * and with our errors. The package is loaded with the first call.
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
  /** The token before a rotation: still accepted on webhooks. */
  previousAuthToken?: string
  /** Our number in E.164. One of this, `messagingServiceSid` and `whatsappNumber` must be set. */
  number?: string
  messagingServiceSid?: string
  /** Our sender on WhatsApp in E.164, where it is not `number`. */
  whatsappNumber?: string
  /** Stands in for every Twilio host, in tests and behind proxies. */
  apiBase?: string
  /** Our public base address; without it there are no webhooks and no delivery reports. */
  publicUrl?: string
}

type Client = InstanceType<typeof TwilioClient>

export interface TwilioCalls {
  /** A call that creates something: a lost answer is `Uncertain`. */
  write<T>(call: (client: Client) => Promise<T>, signal: AbortSignal): Promise<T>
  /** A call that only asks: a lost answer is `Retry`. */
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

/** One client per call, as the package has no place to pass a signal; it holds no connection of its own. */
async function openClient(settings: SmsSettings, bounded: Fetch, signal: AbortSignal): Promise<Client> {
  const [{ default: Twilio }, { default: RequestClient }] = await Promise.all([
    import("twilio/lib/rest/Twilio.js"),
    import("twilio/lib/base/RequestClient.js"),
  ])
  const httpClient = new RequestClient()
  httpClient.request = async (asked) => {
    const { url, init } = requestOf(asked, settings)
    const response = await bounded(url, { ...init, signal, redirect: "error" })
    const body = await response.text()
    refuseBusy(response, body)
    return { statusCode: response.status, body: body as never, headers: Object.fromEntries(response.headers) }
  }
  return new Twilio(settings.accountSid, settings.authToken, { httpClient })
}

interface Asked {
  method: string
  uri: string
  headers?: Record<string, unknown>
  params?: unknown
  data?: unknown
}

function requestOf(asked: Asked, settings: SmsSettings): { url: URL; init: RequestInit } {
  const asSent = new URL(asked.uri)
  const url =
    settings.apiBase === undefined
      ? asSent
      : new URL(`${settings.apiBase.replace(/\/+$/, "")}${asSent.pathname}${asSent.search}`)
  for (const [key, value] of fields(asked.params)) url.searchParams.append(key, value)
  const form = asked.data === undefined ? {} : { body: new URLSearchParams(fields(asked.data)) }
  const headers = new Headers({ accept: "application/json", authorization: basicAuth(settings) })
  const agent = asked.headers?.["User-Agent"]
  if (typeof agent === "string") headers.set("user-agent", agent)
  return { url, init: { method: asked.method.toUpperCase(), headers, ...form } }
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
 * Busy or broken answers. A refusal in Twilio's own form surely created nothing; a gateway's page says nothing about
 * what happened behind it.
 */
function refuseBusy(response: Response, body: string): void {
  if (response.status !== 429 && response.status < 500) return
  const said = refusal.safeParse(jsonOf(body))
  if (response.status !== 429 && !said.success) {
    throw new Uncertain(`Twilio's gateway answered ${response.status}`, { code: "answer_unreadable" })
  }
  const seconds = Number(response.headers.get("retry-after"))
  const wait = seconds > 0 ? { afterMs: seconds * 1000 } : {}
  throw new Retry(`Twilio is busy (${response.status} ${said.data?.message ?? ""})`.trim(), {
    code: "rate_limited",
    ...wait,
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const thrown = z.object({ status: z.number(), code: z.number().optional(), message: z.string() })

function twilioError(error: unknown): Error {
  const network = networkFailure(error)
  if (network !== null) return network
  const refused = thrown.safeParse(error)
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
