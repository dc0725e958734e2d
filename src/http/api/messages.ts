/** Messages: the web and terminal channel. `Prefer: wait=30` keeps the request until the answer is there (RFC 7240). */
import type { FastifyReply, FastifyRequest } from "fastify"
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import { lastReply, messagesOf, repliesAfter, threadOf } from "../../thread/outbox/mailbox.ts"
import { listRuns } from "../../thread/runs/trace.ts"
import type { Overload } from "../overload.ts"
import type { Endpoints } from "./endpoint.ts"
import type { EventStreams } from "./streams.ts"
import type { Talk } from "./talk.ts"

export interface MessageDeps {
  db: Db
  talk: Talk
  streams: EventStreams
  overload: Overload
  /** Fires when the server closes. */
  closing: AbortSignal
}

const MAX_WAIT_S = 60
const MAX_TEXT = 20_000

const id = z.uuid()
const letter = z.object({
  id,
  from: z.enum(["person", "vigil"]),
  text: z.string(),
  at: z.iso.datetime(),
  state: z.string(),
  runId: id.nullable(),
  buttons: z.array(z.object({ label: z.string(), reply: z.string() })),
})
const idempotencyKey = z.string().trim().min(1).max(200).optional()

export function addMessageRoutes(endpoints: Endpoints, { db, talk, streams, overload, closing }: MessageDeps): void {
  endpoints.add({
    method: "POST",
    path: "/api/v1/messages",
    summary:
      "Say something; with `Prefer: wait=<seconds>` the answer is waited for, with `Idempotency-Key` it is said once",
    input: {
      body: z.object({
        text: z
          .string()
          .max(MAX_TEXT)
          .refine((text) => text.trim() !== "", "is empty"),
        thread: z.union([id, z.literal("new")]).optional(),
      }),
    },
    answers: {
      200: z.object({ thread: id, id, run: id.nullable(), reply: z.string().nullable() }),
      202: z.object({ thread: id, id }),
    },
    async handle({ body }, request, reply) {
      const key = idempotencyKey.safeParse(request.headers["idempotency-key"])
      if (!key.success)
        throw new Reject(400, "Idempotency-Key must have 1 to 200 characters", { code: "invalid", cause: key.error })
      const accepted = await talk.say({ ...body, idempotencyKey: key.data })
      const seconds = waitOf(request)
      const answer = { thread: accepted.threadId, id: accepted.id }
      if (seconds === 0) return reply.code(202).send(answer)
      overload.park(reply)
      const outcome = await talk.outcome(accepted.id, seconds * 1000, AbortSignal.any([closing, goneOf(reply)]))
      if (!outcome) return reply.code(202).send(answer)
      return reply
        .header("preference-applied", `wait=${seconds}`)
        .send({ ...answer, run: outcome.runId, reply: outcome.reply })
    },
  })

  endpoints.add({
    method: "GET",
    path: "/api/v1/threads/:id/messages",
    summary: "A thread's messages, oldest first; `cursor` is where its events go on",
    input: {
      params: z.object({ id }),
      query: z.object({
        limit: z.coerce.number().int().min(1).max(500).default(100),
        before: z.iso
          .datetime({ offset: true })
          .transform((at) => new Date(at))
          .optional(),
      }),
    },
    answers: { 200: z.object({ messages: z.array(letter), cursor: z.number() }) },
    async handle({ params, query }) {
      await needThread(db, params.id)
      const cursor = await lastReply(db, params.id)
      return { messages: await messagesOf(db, params.id, { limit: query.limit, before: query.before ?? null }), cursor }
    },
  })

  endpoints.add({
    method: "GET",
    path: "/api/v1/threads/:id/events",
    summary:
      "Server-sent events: `reply` with its number as id, and `run` for each change of state; `Last-Event-ID` or `after` goes on there",
    input: { params: z.object({ id }), query: z.object({ after: z.coerce.number().int().min(0).optional() }) },
    answers: { 200: null },
    async handle({ params, query }, request, reply) {
      await needThread(db, params.id)
      const last = z.coerce.number().int().min(0).optional().catch(undefined).parse(request.headers["last-event-id"])
      const cursor = last ?? query.after ?? (await lastReply(db, params.id))
      streams.follow(request, reply, { concerns: (thread) => thread === params.id, look: watch(db, params.id, cursor) })
      return reply
    },
  })
}

/** What is new on a thread since the last look. */
function watch(db: Db, threadId: string, from: number) {
  let cursor = from
  const seen = new Map<string, string>()
  return async (send: (event: { id?: string; event: string; data: string }) => void) => {
    for (const { seq, ...reply } of await repliesAfter(db, threadId, cursor)) {
      cursor = seq
      send({ id: String(seq), event: "reply", data: JSON.stringify(reply) })
    }
    const runs = await listRuns(db, { limit: 5, threadId })
    for (const run of runs.toReversed()) {
      if (seen.get(run.id) === run.state) continue
      seen.set(run.id, run.state)
      send({ event: "run", data: JSON.stringify(run) })
    }
  }
}

async function needThread(db: Db, threadId: string): Promise<void> {
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
