/**
 * Errors: the one place where a failure becomes an answer. Callers get a status, a code that never changes and what to
 * do; they never get a stack, and what was not foreseen is logged under an id that the answer names.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify"
import { html } from "ghtml"
import { z } from "zod"
import {
  codeOf,
  Deny,
  Fenced,
  Limit,
  Misconfigured,
  messageOf,
  Reject,
  Retry,
  Uncertain,
  VigilError,
} from "../base/errors.ts"
import type { NewId } from "../base/ids.ts"
import type { Log } from "../base/log.ts"
import type { ProblemBody } from "../contract/problem.ts"
import { isDatabaseAway } from "../db/errors.ts"

export interface ErrorAnswer {
  status: number
  code: string
  message: string
  fix?: string | undefined
  /** Seconds. */
  retryAfter?: number
}

/** What Fastify itself refuses, in our words. */
const REFUSED: Record<string, Omit<ErrorAnswer, "status">> = {
  FST_ERR_CTP_INVALID_JSON_BODY: { code: "bad_json", message: "the body is no JSON", fix: "Send a JSON object." },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: "bad_json", message: "the body is empty", fix: "Send a JSON object." },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "too_large", message: "the body is too large", fix: "Send less at once." },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "unsupported_type",
    message: "the body has a content type that is not read here",
    fix: "Set Content-Type: application/json (webhooks: the type that their service sends).",
  },
}

/** SQLSTATE of the database's disk without space; refused until there is some again. */
const DISK_FULL = new Set(["53100", "ENOSPC"])

/** SQLSTATE: text that Postgres cannot hold, where a name or number should be; words are cleaned before they come so far. */
const UNSTORABLE = new Set(["22021", "22P05"])

/** The answer to an error that is foreseen; null for any other. */
export function answerTo(error: unknown): ErrorAnswer | null {
  if (error instanceof VigilError) return ours(error)
  if (error instanceof z.ZodError) {
    const said = error.issues.map((issue) => `${issue.path.slice(1).join(".") || "input"}: ${issue.message}`).join("; ")
    return { status: 400, code: "invalid", message: said, fix: "Compare with /api/openapi.json." }
  }
  if (DISK_FULL.has(codeOf(error))) {
    return {
      status: 503,
      code: "disk_full",
      message: "the disk of the database is full",
      fix: "Free space on it; nothing that was accepted is lost.",
      retryAfter: 30,
    }
  }
  if (isDatabaseAway(error)) {
    return {
      status: 503,
      code: "database_away",
      message: "the database is away",
      fix: "Try again soon.",
      retryAfter: 2,
    }
  }
  if (UNSTORABLE.has(codeOf(error)))
    return {
      status: 400,
      code: "bad_text",
      message: "it holds a character that cannot be stored",
      fix: "Leave out NUL.",
    }
  return fastifys(error)
}

function ours(error: VigilError): ErrorAnswer {
  const { code, message, fix } = error
  const answer = { code, message, fix }
  if (error instanceof Reject) return { ...answer, status: error.status }
  if (error instanceof Deny) return { ...answer, status: 403 }
  if (error instanceof Limit) return { ...answer, status: 429 }
  if (error instanceof Fenced) return { ...answer, status: 409 }
  if (error instanceof Uncertain) return { ...answer, status: 502 }
  if (error instanceof Retry) return { ...answer, status: 503, retryAfter: Math.ceil((error.afterMs ?? 2000) / 1000) }
  return { ...answer, status: error instanceof Misconfigured ? 503 : 500 }
}

function fastifys(error: unknown): ErrorAnswer | null {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined
  if (typeof status !== "number" || status < 400 || status > 499) return null
  const code = codeOf(error)
  return { status, ...(REFUSED[code] ?? { code: code.toLowerCase(), message: messageOf(error) }) }
}

export function installErrors(app: FastifyInstance, { log, newId }: { log: Log; newId: NewId }): void {
  app.setErrorHandler((error, request, reply) => {
    const known = answerTo(error)
    if (known) {
      if (known.status >= 500) log.warn("request_refused", { path: pathOf(request), status: known.status, error })
      return sendError(request, reply, known)
    }
    const id = newId()
    log.error("request_failed", { id, method: request.method, path: pathOf(request), error })
    const message = `something went wrong here; the log has it as ${id}`
    return sendError(request, reply, { status: 500, code: "internal", message })
  })
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) =>
    sendError(request, reply, { status: 404, code: "not_found", message: "there is nothing here" }),
  )
}

/** JSON for programs, a fragment for htmx (which would read text as HTML), text for everybody else. */
function sendError(request: FastifyRequest, reply: FastifyReply, answer: ErrorAnswer): FastifyReply {
  const { status, code, message, fix, retryAfter } = answer
  reply.code(status)
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter))
  if (/^\/(api|webhooks)(\/|$|\?)/.test(request.url)) {
    const body: ProblemBody = { error: { code, message, ...(fix === undefined ? {} : { fix }) } }
    return reply.send(body)
  }
  const words = fix === undefined ? message : `${message}. ${fix}`
  if (request.headers["hx-request"] === "true") {
    return reply.type("text/html; charset=utf-8").send(html`<p class="error" role="alert">${words}</p>`)
  }
  return reply.type("text/plain; charset=utf-8").send(`${words}\n`)
}

/** Without the query, which may hold the key of a link. */
function pathOf(request: FastifyRequest): string {
  return request.url.split("?", 1)[0] ?? ""
}
