/** Runs and approvals over the API. A verdict takes the same way as a typed `K7 OK`: there is only one way to approve. */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import { approvalByCode, findRun, listRuns, openApprovalRecords, RUN_STATES } from "../../thread/runs/trace.ts"
import type { Endpoints } from "./endpoint.ts"
import type { Talk } from "./talk.ts"

const id = z.uuid()
const at = z.iso.datetime()
const anything = z.unknown()
const cost = z.number().nullable()

const summary = z.object({
  id,
  threadId: id,
  channel: z.string(),
  threadKey: z.string(),
  kind: z.string(),
  state: z.enum(RUN_STATES),
  model: z.string().nullable(),
  trigger: z.string(),
  attempts: z.number(),
  error: anything,
  startedAt: at,
  endedAt: at.nullable(),
  durationMs: z.number().nullable(),
  inputTokens: z.number(),
  cachedTokens: z.number(),
  outputTokens: z.number(),
  costUsd: cost,
})
const question = z.object({
  code: z.string(),
  kind: z.enum(["approval", "uncertain"]),
  tool: z.string(),
  args: z.string(),
  display: z.string(),
  state: z.string(),
  answeredVia: z.string().nullable(),
  answeredAt: at.nullable(),
  createdAt: at,
  expiresAt: at,
  runId: id,
  threadId: id,
})
const label = z.object({ integrity: z.string(), confidentiality: z.string() })
const step = z.object({
  n: z.number(),
  kind: z.enum(["model", "tool", "wait", "note"]),
  name: z.string(),
  state: z.enum(["open", "done", "failed"]),
  verdict: z.object({ decision: z.string(), reason: z.string() }).nullable(),
  request: anything,
  result: anything,
  inputTokens: z.number().nullable(),
  cachedTokens: z.number().nullable(),
  outputTokens: z.number().nullable(),
  costUsd: cost,
  startedAt: at,
  endedAt: at.nullable(),
  durationMs: z.number().nullable(),
})
const detail = summary.extend({
  codeVersion: z.string(),
  label,
  events: z.array(
    z.looseObject({ id, kind: z.string(), source: z.string(), state: z.string(), label, payload: anything }),
  ),
  steps: z.array(step),
  context: z
    .looseObject({
      sections: z.array(z.looseObject({ name: z.string(), tokens: z.number() })),
      recalled: z.array(z.looseObject({ text: z.string(), score: z.number() })),
    })
    .nullable(),
  questions: z.array(question),
  replies: z.array(z.looseObject({ id, channel: z.string(), text: z.string(), state: z.string(), createdAt: at })),
})

/** A verdict, or what to do instead. */
export const verdictInput = z.union([
  z.object({ verdict: z.enum(["yes", "no", "again"]) }),
  z.object({ verdict: z.literal("change"), words: z.string().trim().min(1).max(2000) }),
])
type VerdictInput = z.output<typeof verdictInput>

export function addRunRoutes(endpoints: Endpoints, { db, talk }: { db: Db; talk: Talk }): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/runs",
    summary: "Runs, newest first",
    input: {
      query: z.object({
        limit: z.coerce.number().int().min(1).max(200).default(50),
        before: id.optional(),
        state: z.enum(RUN_STATES).optional(),
        thread: id.optional(),
      }),
    },
    answers: { 200: z.object({ runs: z.array(summary) }) },
    handle: async ({ query: { thread, ...filter } }) => ({ runs: await listRuns(db, { ...filter, threadId: thread }) }),
  })

  endpoints.add({
    method: "GET",
    path: "/api/v1/runs/:id",
    summary: "A run with everything about it; the id may be its beginning, at least eight characters",
    input: { params: z.object({ id: z.string().max(36) }) },
    answers: { 200: detail },
    async handle({ params }) {
      const run = await findRun(db, params.id)
      if (!run) throw new Reject(404, "there is no such run", { code: "not_found" })
      return run
    },
  })

  endpoints.add({
    method: "GET",
    path: "/api/v1/approvals",
    summary: "Questions that wait for the owner",
    input: {},
    answers: { 200: z.object({ approvals: z.array(question) }) },
    handle: async () => ({ approvals: await openApprovalRecords(db) }),
  })

  endpoints.add({
    method: "POST",
    path: "/api/v1/approvals/:code",
    summary:
      "Answer a question; `again` is for an effect that nobody knows to have happened, `change` says what to do instead",
    input: { params: z.object({ code: z.string().max(8) }), body: verdictInput },
    answers: { 200: question },
    handle: async ({ params, body }) => await decide({ db, talk }, params.code, body),
  })
}

/** The words that mean a verdict on every channel. */
const WORDS = { yes: "OK", no: "NO", again: "AGAIN" } as const

/** Throws `Reject`: 404 for an unknown code, 409 when it was decided before or meanwhile. */
export async function decide({ db, talk }: { db: Db; talk: Talk }, code: string, given: VerdictInput) {
  const found = await approvalByCode(db, code)
  if (!found) throw new Reject(404, `no question has the code ${code}`, { code: "not_found" })
  if (found.state !== "open") throw new Reject(409, `${found.code} is ${found.state}`, { code: "decided" })
  const { verdict } = given
  if (verdict === "again" && found.kind !== "uncertain")
    throw new Reject(400, `${found.code} is an approval: it is yes, no or change`, { code: "invalid" })
  if (verdict === "change" && found.kind === "uncertain")
    throw new Reject(400, `${found.code} asks what happened: it is yes, no or again`, { code: "invalid" })
  await talk.say({ text: `${found.code} ${verdict === "change" ? `edit: ${given.words}` : WORDS[verdict]}` })
  const after = await approvalByCode(db, found.code)
  if (!after || after.state === "open")
    throw new Reject(409, `${found.code} could not be decided`, { code: "expired", fix: "Ask Vigil to do it again." })
  return after
}
