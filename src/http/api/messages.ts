/** Messages: the web and terminal channel. `Prefer: wait=30` keeps the request until the answer is there (RFC 7240). */
import type { FastifyReply, FastifyRequest } from "fastify"
import { Reject } from "../../base/errors.ts"
import {
  acceptedAnswer,
  idempotencyKey,
  messageInput,
  messagesAnswer,
  messagesQuery,
  repliedAnswer,
  threadParams,
} from "../../contract/conversation/messages.ts"
import type { Db } from "../../db/db.ts"
import { lastReply, messagesOf, threadOf } from "../../thread/outbox/conversation.ts"
import type { Overload } from "../overload.ts"
import type { Conversation } from "./conversation.ts"
import type { Endpoints } from "./endpoint.ts"

export interface MessageDeps {
  db: Db
  conversation: Conversation
  overload: Overload
  /** Fires when the server closes. */
  closing: AbortSignal
}

const MAX_WAIT_S = 60

export function addMessageRoutes(endpoints: Endpoints, deps: MessageDeps): void {
  const { db, conversation, overload, closing } = deps
  endpoints.add({
    method: "POST",
    path: "/api/v1/messages",
    summary:
      "Say something; with `Prefer: wait=<seconds>` the answer is waited for, with `Idempotency-Key` it is said once",
    input: { body: messageInput },
    answers: { 200: repliedAnswer, 202: acceptedAnswer },
    async handle({ body }, request, reply) {
      const key = idempotencyKey.safeParse(request.headers["idempotency-key"])
      if (!key.success)
        throw new Reject(400, "Idempotency-Key must have 1 to 200 characters", { code: "invalid", cause: key.error })
      const accepted = await conversation.say({ ...body, idempotencyKey: key.data })
      const seconds = waitOf(request)
      const answer = { thread: accepted.threadId, id: accepted.id }
      if (seconds === 0) return { status: 202, body: answer }
      overload.park(reply)
      const outcome = await conversation.outcome(accepted.id, seconds * 1000, AbortSignal.any([closing, goneOf(reply)]))
      if (!outcome) return { status: 202, body: answer }
      reply.header("preference-applied", `wait=${seconds}`)
      return { status: 200, body: { ...answer, run: outcome.runId, reply: outcome.reply } }
    },
  })

  endpoints.add({
    method: "GET",
    path: "/api/v1/threads/:id/messages",
    summary: "A thread's messages, oldest first; `cursor` is where its events go on",
    input: { params: threadParams, query: messagesQuery },
    answers: { 200: messagesAnswer },
    async handle({ params, query: { limit, before = null } }) {
      await needThread(db, params.id)
      const cursor = await lastReply(db, params.id)
      return { status: 200, body: { messages: await messagesOf(db, params.id, { limit, before }), cursor } }
    },
  })
}

/** Throws `Reject` 404 for a thread that is not there. */
export async function needThread(db: Db, threadId: string): Promise<void> {
  if (!(await threadOf(db, threadId))) throw new Reject(404, "there is no such thread", { code: "not_found" })
}

/** Seconds of `Prefer: wait=`, at most 60; 0 without it. */
function waitOf(request: FastifyRequest): number {
  const preferred = [request.headers.prefer ?? []].flat().join(",")
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})/i.exec(preferred)?.[1]
  return Math.min(Number(seconds ?? 0), MAX_WAIT_S)
}

/** Fires when the caller hangs up. On the answer, not on its socket, which many requests share. */
function goneOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once("close", () => gone.abort())
  return gone.signal
}
