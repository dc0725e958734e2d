/**
 * Guarded fetch: what goes to model servers goes through here. A body never grows past its cap; a refusal is read
 * whole while the caller's clock still runs; and a server that asks for a long pause is not waited for here: the queue
 * waits better than a worker does.
 */
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
    return response.ok ? capped(response, guards.maxBytes) : await judged(response, guards)
  }
}

/** A refusal, read whole, with the SDK told when another attempt right away is pointless. */
async function judged(response: Response, guards: FetchGuards): Promise<Response> {
  const body = await capped(response, guards.maxBytes).text()
  const headers = new Headers(response.headers)
  headers.delete("content-encoding")
  headers.delete("content-length")
  const wait = retryAfterMs(headers)
  const pointless = body.includes("insufficient_quota") || (wait !== undefined && wait > guards.patienceMs)
  if (pointless) headers.set("x-should-retry", "false")
  return new Response(body, { status: response.status, statusText: response.statusText, headers })
}

function capped(response: Response, maxBytes: number): Response {
  if (response.body === null) return response
  let seen = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.byteLength
      if (seen <= maxBytes) controller.enqueue(chunk)
      else
        controller.error(
          new Reject(502, `the model server answered more than ${maxBytes} bytes`, { code: "too_large" }),
        )
    },
  })
  const headers = new Headers(response.headers)
  headers.delete("content-encoding")
  headers.delete("content-length")
  const { status, statusText } = response
  return new Response(response.body.pipeThrough(counter), { status, statusText, headers })
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
