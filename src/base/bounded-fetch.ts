/**
 * Bounded fetch: how a request goes to another server. No answer passes its size limit; `createBoundedFetch` also ends a call
 * at its time limit, and every failure of it says whether the request can have arrived.
 */
import { Retry, Uncertain } from "./errors.ts"

export interface FetchLimits {
  /** Milliseconds for the entire exchange, body included. */
  timeoutMs: number
  /** Largest answer, in bytes. */
  maxBytes: number
}

/** What a caller gives and gets: the part of the fetch standard that the providers' clients use. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** Failures that happen before a byte of the request leaves: name lookup, connecting, the TLS handshake. */
const UNSENT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
])

/**
 * A `fetch` with limits. Throws `Retry` when the request surely did not leave, `Uncertain` when the answer was lost,
 * and the platform's `AbortError` when the caller gave up.
 */
export function createBoundedFetch(limits: FetchLimits): Fetch {
  return async (url, init = {}) => {
    const { host } = new URL(url)
    const caller = init.signal ?? undefined
    if (caller?.aborted)
      throw new Retry(`the request to ${host} was not started: it was cancelled before`, { cause: caller.reason })
    const limit = AbortSignal.timeout(limits.timeoutMs)
    const signal = caller === undefined ? limit : AbortSignal.any([caller, limit])
    try {
      const response = await fetch(url, { ...init, signal })
      return await whole(capped(response, limits.maxBytes, () => tooLarge(limits.maxBytes)))
    } catch (error) {
      if (caller?.aborted) throw new DOMException(`the request to ${host} was cancelled`, "AbortError")
      throw failureOf(error, host, limits)
    }
  }
}

/** Any failure of a network call in our terms: `Retry` or `Uncertain` as thrown above, an abandoned call is `Uncertain`; null for other errors. */
export function networkFailure(error: unknown): Retry | Uncertain | null {
  if (error instanceof Retry || error instanceof Uncertain) return error
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) {
    return new Uncertain("the call was abandoned before its answer came", { cause: error })
  }
  return null
}

/** For calls that change nothing at the provider: a lost answer is only a reason to ask again. */
export function forRead(error: Retry | Uncertain): Retry {
  return error instanceof Retry ? error : new Retry(error.message, { cause: error })
}

function failureOf(error: unknown, host: string, limits: FetchLimits): Retry | Uncertain {
  if (error instanceof Uncertain) return error
  const codes = codesOf(error)
  const unsent = codes.length > 0 && codes.every((code) => UNSENT.has(code))
  if (unsent) return new Retry(`could not reach ${host} (${codes.join(", ")})`, { code: "unreachable", cause: error })
  if (error instanceof Error && error.name === "TimeoutError") {
    return new Uncertain(`${host} gave no answer within ${limits.timeoutMs} ms`, { code: "timeout", cause: error })
  }
  return new Uncertain(`the connection to ${host} broke before its answer came`, {
    code: "connection_lost",
    cause: error,
  })
}

/** The codes at the bottom of a fetch error; several where the host has several addresses and each one failed. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf)
  if ("code" in error && typeof error.code === "string" && error.code !== "") return [error.code]
  return codesOf(error.cause)
}

const tooLarge = (maxBytes: number) =>
  new Uncertain(`the answer is larger than ${maxBytes} bytes`, { code: "answer_too_large" })

/** The same answer, whose body ends with `error` when it grows past its limit; it may be read as it comes. */
export function capped(response: Response, maxBytes: number, error: () => Error): Response {
  if (response.body === null) return response
  let size = 0
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength
      if (size <= maxBytes) controller.enqueue(chunk)
      else controller.error(error())
    },
  })
  return copyOf(response, response.body.pipeThrough(counter))
}

/** The same answer, read to its end. */
async function whole(response: Response): Promise<Response> {
  return response.body === null ? response : copyOf(response, await response.arrayBuffer())
}

/** What the platform read is no longer compressed, and is as long as it is. */
function copyOf(response: Response, body: ReadableStream | ArrayBuffer): Response {
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  headers.delete("content-encoding")
  headers.delete("content-length")
  const copy = new Response(body, { status, statusText, headers })
  Object.defineProperty(copy, "url", { value: response.url })
  return copy
}
