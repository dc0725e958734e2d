/**
 * Client: how the command line talks to the running server. Each call has a time and a size limit, follows no redirect
 * (a redirect would carry the token away), and every failure says what to do about it.
 */
import { z } from "zod"
import { createBoundedFetch } from "../base/bounded-fetch.ts"
import { Deny, Limit, Reject, Retry, Uncertain } from "../base/errors.ts"
import { type ProblemBody, problemSchema } from "../contract/problem.ts"
import type { Settings } from "./settings.ts"

const TIMEOUT_MS = 15_000
const MAX_BYTES = 32 * 1024 * 1024

interface SendOptions {
  /** Seconds the server may hold the answer back for a reply. */
  waitSeconds?: number
  /** Milliseconds the answer may take; 15 seconds, and what `waitSeconds` adds, when not given. */
  timeoutMs?: number
  idempotencyKey?: string
  signal?: AbortSignal
}

export interface Client {
  readonly url: string
  /** Throws `Retry` (`not_running`), `Deny`, `Reject`, `Limit` or `Uncertain`, each with its fix. */
  get<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>>
  send<Schema extends z.ZodType>(
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body: unknown,
    schema: Schema,
    options?: SendOptions,
  ): Promise<z.output<Schema>>
  /** Any answer, whatever its status says; null when nothing answers. */
  probe(path: string): Promise<{ status: number; body: unknown } | null>
  /** A stream of server-sent events, until `signal` aborts or the server ends it. */
  stream(path: string, signal: AbortSignal, lastEventId?: string): Promise<ReadableStream<Uint8Array>>
}

/** The body of an answer that has none (204). */
export const noBody = z.undefined()

export function createClient(settings: Settings): Client {
  const { url } = settings
  const authorization: Record<string, string> = settings.token ? { authorization: `Bearer ${settings.token}` } : {}

  async function call(method: string, path: string, body: unknown, options: SendOptions = {}): Promise<Response> {
    const { waitSeconds = 0, signal, timeoutMs = TIMEOUT_MS + waitSeconds * 1_000 } = options
    const bounded = createBoundedFetch({ timeoutMs, maxBytes: MAX_BYTES })
    const headers = { accept: "application/json", ...authorization, ...headersOf(body, options) }
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    try {
      return await bounded(url + path, {
        method,
        redirect: "error",
        headers,
        ...content,
        ...(signal ? { signal } : {}),
      })
    } catch (cause) {
      throw explain(cause, settings)
    }
  }

  async function parsed<Schema extends z.ZodType>(
    response: Response,
    path: string,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    const body = jsonOf(await response.text())
    if (!response.ok) throw refusal(response, body, settings)
    const result = schema.safeParse(body)
    // Checked, and passed on as it came: a newer server may say more, and `--json` shows all of it.
    if (result.success) return body as z.output<Schema>
    throw new Reject(502, `the answer to ${path} is not what this version expects: ${z.prettifyError(result.error)}`, {
      code: "unexpected_answer",
      fix: `check that ${url} is Vigil, and restart it so that both run the same version`,
      cause: result.error,
    })
  }

  return {
    url,
    get: async (path, schema) => parsed(await call("GET", path, undefined), path, schema),
    send: async (method, path, body, schema, options) => parsed(await call(method, path, body, options), path, schema),
    async probe(path) {
      try {
        const response = await call("GET", path, undefined)
        return { status: response.status, body: jsonOf(await response.text()) }
      } catch (error) {
        if (error instanceof Retry || error instanceof Uncertain) return null
        throw error
      }
    },
    async stream(path, signal, lastEventId) {
      const response = await fetch(url + path, {
        headers: {
          accept: "text/event-stream",
          ...authorization,
          ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
        },
        redirect: "error",
        signal,
      })
      if (!response.ok || !response.body) throw refusal(response, undefined, settings)
      return response.body
    },
  }
}

function headersOf(body: unknown, { waitSeconds, idempotencyKey }: SendOptions): Record<string, string> {
  return {
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...(waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }),
    ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
  }
}

/** The JSON of a body; undefined when it is empty or no JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function explain(cause: unknown, { url, isLocal }: Settings): unknown {
  if (cause instanceof Retry) {
    return new Retry(`no Vigil server answers at ${url}`, {
      code: "not_running",
      fix: isLocal ? "start it in another terminal: npm start" : "check VIGIL_URL, and that the server there is up",
      cause,
    })
  }
  if (cause instanceof Uncertain) {
    return new Uncertain(cause.message, {
      code: cause.code,
      fix: "look at the server's log, then: vigil doctor",
      cause,
    })
  }
  return cause
}

function refusal(response: Response, body: unknown, { token, dataDir, isLocal }: Settings): Error {
  const problem = problemSchema.safeParse(body).data?.error
  const message = problem?.message ?? `the server answered ${response.status} ${response.statusText}`.trim()
  const details = detailsOf(problem)
  if (response.status === 401) {
    const hint = isLocal ? `set VIGIL_TOKEN, or DATA_DIR to the server's (${dataDir} was looked in)` : "set VIGIL_TOKEN"
    const why = token === undefined ? "no token was found here" : "it does not know the token sent"
    return new Deny(`the server let nobody in: ${why}`, { code: "unauthorized", fix: `${hint} to what the server has` })
  }
  if (response.status === 403) return new Deny(message, details)
  if (response.status === 429) return new Limit("requests", message, { fix: "wait a minute and try again", ...details })
  const look = { fix: "look at the server's log, then: vigil doctor", ...details }
  if (response.status === 503) return new Retry(message, look)
  if (response.status >= 500) return new Reject(response.status, message, look)
  return new Reject(response.status, message, details)
}

/** What a refusal says to programs and what to do about it. */
function detailsOf(problem: ProblemBody["error"] | undefined): { code?: string; fix?: string } {
  if (!problem) return {}
  return { code: problem.code, ...(problem.fix ? { fix: problem.fix } : {}) }
}
