/**
 * Guarded fetch: every request to a model server goes through it. A body never grows past its cap. The body of a refusal
 * is read at once, so that the caller's timeout still covers it. A server that demands a long pause is not waited for
 * here, because the queue can wait without holding a worker.
 */
import { capped } from "../../base/bounded-fetch.ts"
import { Reject } from "../../base/errors.ts"

export interface FetchGuards {
  /** The cap on a response body, in bytes. */
  maxBytes: number
  /** The longest `retry-after` that the SDK waits for by itself, in milliseconds. */
  patienceMs: number
}

type Fetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>

export function createGuardedFetch(guards: FetchGuards): Fetch {
  return async (url, init = {}) => {
    const response = await fetch(url, init)
    const bounded = capped(response, guards.maxBytes, () => tooLarge(guards.maxBytes))
    return response.ok ? bounded : await judged(bounded, guards)
  }
}

const tooLarge = (maxBytes: number) =>
  new Reject(502, `the model server answered more than ${maxBytes} bytes`, { code: "too_large" })

/** A refusal with its whole body. A header tells the SDK when another attempt at once is pointless. */
async function judged(response: Response, guards: FetchGuards): Promise<Response> {
  const body = await response.text()
  const headers = new Headers(response.headers)
  const wait = retryAfterMs(headers)
  const pointless = body.includes("insufficient_quota") || (wait !== undefined && wait > guards.patienceMs)
  if (pointless) headers.set("x-should-retry", "false")
  return new Response(body, { status: response.status, statusText: response.statusText, headers })
}

/**
 * The pause that a server demands, in milliseconds: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date
 * (RFC 9110 section 10.2.3).
 */
export function retryAfterMs(headers: Headers, now = Date.now()): number | undefined {
  const exact = Number.parseFloat(headers.get("retry-after-ms") ?? "")
  if (Number.isFinite(exact)) return Math.max(0, exact)
  const given = headers.get("retry-after")
  if (given === null) return undefined
  const seconds = Number(given)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(given) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
