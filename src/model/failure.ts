/**
 * Failure: what an SDK call threw, as what the caller must do about it. The abort reason is the caller's own (the SDK
 * loses it); a message quotes the server and never the key.
 */
import type { APIError } from "openai"
import { Limit, Reject, Retry, VigilError } from "../base/errors.ts"
import { unreadable } from "./dialects/dialect.ts"
import { nameOf, type RemoteEndpoint } from "./servers/endpoint.ts"
import { retryAfterMs } from "./servers/guarded-fetch.ts"
import { factsOf } from "./servers/providers.ts"

/** Words by which servers say that the prompt does not fit; only OpenAI has a code for it. */
const OVERFLOW =
  /context[ _](length|window|size)|maximum context|too many (input )?tokens|(prompt|input|request) (is )?too (long|large)|exceeds? .{0,40}(token|context)|reduce the length/i

/** Refusals with nothing wrong in the request: another model may well take it. */
const FIXES: Readonly<Record<number, { code: string; fix: string }>> = {
  401: { code: "model_auth", fix: "check OPENAI_API_KEY and OPENAI_BASE_URL: vigil models" },
  402: { code: "quota", fix: "add credit at the provider, or set VIGIL_FALLBACK_MODELS" },
  403: { code: "model_auth", fix: "check what OPENAI_API_KEY may use: vigil models" },
  404: { code: "model_unknown", fix: "check VIGIL_MODEL and OPENAI_BASE_URL: vigil models" },
}

/** @returns the error to throw for `error`, thrown by a call to `endpoint` */
export async function modelFailure(error: unknown, endpoint: RemoteEndpoint, signal?: AbortSignal): Promise<unknown> {
  if (signal?.aborted) return signal.reason
  const ours = ownErrorIn(error)
  if (ours !== undefined) return ours
  const { APIConnectionError, APIConnectionTimeoutError, APIError: ApiError } = await import("openai")
  const name = nameOf(endpoint)
  if (error instanceof APIConnectionTimeoutError) {
    return new Retry(`${name} did not answer in time`, { code: "timeout", cause: error })
  }
  if (error instanceof ApiError && !(error instanceof APIConnectionError)) return refusal(error, endpoint)
  // A body that breaks off is a plain error with the socket's own as its cause; without one, the answer itself was wrong.
  const broken = error instanceof APIConnectionError || (error instanceof TypeError && error.cause !== undefined)
  if (!broken) return unreadable(endpoint, error)
  return new Retry(`${name} could not be reached at ${new URL(endpoint.baseUrl).host}`, {
    code: "unavailable",
    cause: error,
  })
}

function refusal(error: APIError, endpoint: RemoteEndpoint): VigilError {
  const code = error.code ?? ""
  const status = code === "insufficient_quota" ? 402 : (error.status ?? 502)
  const said = `${nameOf(endpoint)} said: ${error.message.slice(0, 500)}`
  const known = FIXES[status]
  if (known !== undefined) return new Reject(status, said, { ...known, cause: error })
  if (isOverflow(status, code, error.message)) return new Limit("context", said, { cause: error })
  if (isPassing(status) || factsOf(endpoint.provider).retryCodes.includes(code)) {
    const afterMs = error.headers === undefined ? undefined : retryAfterMs(error.headers)
    return new Retry(said, { cause: error, ...(afterMs === undefined ? {} : { afterMs }) })
  }
  return new Reject(status, said, { code: "model_rejected", cause: error })
}

function isOverflow(status: number, code: string, message: string): boolean {
  if (status === 429 || status >= 500) return false
  return status === 413 || code === "context_length_exceeded" || OVERFLOW.test(message)
}

function isPassing(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500
}

/** Ours travels through the SDK as the cause of a connection error. */
function ownErrorIn(error: unknown): VigilError | undefined {
  if (error instanceof VigilError) return error
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof VigilError ? cause : undefined
}
