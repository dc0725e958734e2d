/**
 * Guarded fetch: what goes to model servers goes through here. A body never grows past its cap; a refusal is read
 * whole while the caller's clock still runs; and a server that asks for a long pause is not waited for here: the queue
 * waits better than a worker does.
 */
import { capped } from "../../base/bounded-fetch.ts"
import { Reject } from "../../base/errors.ts"

export interface FetchGuards {
  /** Bytes of a response body. */
  maxBytes: number
  /** Milliseconds a `retry-after` may ask for and still be waited for in place. */
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

/** A refusal, read whole, with the SDK told when another attempt right away is pointless. */
async function judged(response: Response, guards: FetchGuards): Promise<Response> {
  const body = await response.text()
  const headers = new Headers(response.headers)
  const wait = retryAfterMs(headers)
  const pointless = body.includes("insufficient_quota") || (wait !== undefined && wait > guards.patienceMs)
  if (pointless) headers.set("x-should-retry", "false")
  return new Response(body, { status: response.status, statusText: response.statusText, headers })
}

/** `retry-after-ms`, else `retry-after` in seconds or as an HTTP date (RFC 9110 section 10.2.3), in milliseconds. */
export function retryAfterMs(headers: Headers, now = Date.now()): number | undefined {
  const exact = Number.parseFloat(headers.get("retry-after-ms") ?? "")
  if (Number.isFinite(exact)) return Math.max(0, exact)
  const given = headers.get("retry-after")
  if (given === null) return undefined
  const seconds = Number(given)
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(given) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined
}
