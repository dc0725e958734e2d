/**
 * Bounded fetch: requests to other servers. No answer is longer than its size limit, and no call longer than its time limit.
 * A failure says whether the request can have arrived, because its caller must know whether to repeat it.
 */
import { Retry, Uncertain } from "./errors.ts"

export interface FetchLimits {
  /** Milliseconds for the whole exchange, with the body. */
  timeoutMs: number
  /** Largest answer, in bytes. */
  maxBytes: number
}

/** The part of the fetch standard that the clients of the providers use. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/** Codes of failures before a byte of the request leaves: in the name lookup, the connection or the TLS handshake. */
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
 * A `fetch` with limits. Throws `Retry` when the request surely did not leave, `Uncertain` when it may have arrived (the
 * answer was lost, late or too large), and the platform's `AbortError` when the caller cancelled it.
 */
export function createBoundedFetch(limits: FetchLimits): Fetch {
  return async (url, init = {}) => {
    const { host } = new URL(url)
    const caller = init.signal ?? undefined
    if (caller?.aborted)
      throw new Retry(`the request to ${host} was cancelled before it started`, { cause: caller.reason })
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

/** The failure of a network call as `Retry` or `Uncertain`. A cancelled call may have arrived: `Uncertain`. Null for other errors. */
export function networkFailure(error: unknown): Retry | Uncertain | null {
  if (error instanceof Retry || error instanceof Uncertain) return error
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) {
    return new Uncertain("the call was abandoned before its answer came", { cause: error })
  }
  return null
}

/** The failure of a call that only reads. It may be repeated after a lost answer, because it changes nothing at the provider. */
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

/** The codes at the bottom of a fetch error; several when the host has several addresses and each of them failed. */
function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  if (error instanceof AggregateError) return error.errors.flatMap(codesOf)
  if ("code" in error && typeof error.code === "string" && error.code !== "") return [error.code]
  return codesOf(error.cause)
}

const tooLarge = (maxBytes: number) =>
  new Uncertain(`the answer is larger than ${maxBytes} bytes`, { code: "answer_too_large" })

/** The same answer with a body that fails with `error` once it is longer than `maxBytes`. The body is still a stream. */
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

/** The same answer with its body read to the end. */
async function whole(response: Response): Promise<Response> {
  return response.body === null ? response : copyOf(response, await response.arrayBuffer())
}

/** Without the headers that describe the body on the wire: the platform has decompressed it, so its length is another. */
function copyOf(response: Response, body: ReadableStream | ArrayBuffer): Response {
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  headers.delete("content-encoding")
  headers.delete("content-length")
  const copy = new Response(body, { status, statusText, headers })
  Object.defineProperty(copy, "url", { value: response.url })
  return copy
}
