/**
 * Failure: the error of an SDK call, turned into an error that says what the caller must do. An abort throws the caller's
 * own reason, which the SDK loses. A message quotes the server and never contains the key.
 */
import type { APIError } from "openai"
import { Limit, Reject, Retry, VigilError } from "../base/errors.ts"
import { unreadable } from "./dialects/dialect.ts"
import { nameOf, type RemoteEndpoint } from "./servers/endpoint.ts"
import { retryAfterMs } from "./servers/guarded-fetch.ts"
import { factsOf } from "./servers/providers.ts"

/** The words of servers for a prompt that does not fit. Only OpenAI has an error code for it. */
const OVERFLOW =
  /context[ _](length|window|size)|maximum context|too many (input )?tokens|(prompt|input|request) (is )?too (long|large)|exceeds? .{0,40}(token|context)|reduce the length/i

/** Refusals by status that say nothing against the request, with their fixes. Another model may take the same request. */
const FIXES: Readonly<Record<number, { code: string; fix: string }>> = {
  401: { code: "model_auth", fix: "check OPENAI_API_KEY and OPENAI_BASE_URL: vigil models" },
  402: { code: "quota", fix: "add credit at the provider, or set VIGIL_FALLBACK_MODELS" },
  403: { code: "model_auth", fix: "check which models OPENAI_API_KEY may use: vigil models" },
  404: { code: "model_unknown", fix: "check VIGIL_MODEL and OPENAI_BASE_URL: vigil models" },
}

/**
 * The error to throw in the place of `error`, which a call to `endpoint` threw: `Retry` when the failure may pass,
 * `Limit("context")` when the prompt is too long, `Reject` for any other refusal, and the signal's reason when the caller
 * aborted.
 */
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
  // The SDK throws a plain TypeError with the socket's error as its cause when a body breaks off. Any other error means
  // that the answer itself was wrong.
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
  const message = `${nameOf(endpoint)} said: ${error.message.slice(0, 500)}`
  const known = FIXES[status]
  if (known !== undefined) return new Reject(status, message, { ...known, cause: error })
  if (isOverflow(status, code, error.message)) return new Limit("context", message, { cause: error })
  if (isPassing(status) || factsOf(endpoint.provider).retryCodes.includes(code)) {
    const afterMs = error.headers === undefined ? undefined : retryAfterMs(error.headers)
    return new Retry(message, { cause: error, ...(afterMs === undefined ? {} : { afterMs }) })
  }
  return new Reject(status, message, { code: "model_rejected", cause: error })
}

function isOverflow(status: number, code: string, message: string): boolean {
  if (status === 429 || status >= 500) return false
  return status === 413 || code === "context_length_exceeded" || OVERFLOW.test(message)
}

function isPassing(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500
}

/** Vigil's own error, which the SDK passes on as the cause of a connection error. */
function ownErrorIn(error: unknown): VigilError | undefined {
  if (error instanceof VigilError) return error
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof VigilError ? cause : undefined
}
