/** Messages that may not have arrived, over the API: seen by the owner, who says what becomes of each. */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import type { Notifier } from "../../queue/notifier.ts"
import {
  settleUncertain,
  type UncertainVerdict,
  uncertainDeliveries,
} from "../../thread/outbox/uncertain-deliveries.ts"
import type { Endpoints } from "./endpoint.ts"

export interface UncertainDeps {
  db: Db
  notifier: Pick<Notifier, "notify">
}

const id = z.uuid()
export const uncertainVerdict = z.enum(["yes", "again", "no"])
const doubt = z.object({
  id,
  threadId: id,
  channel: z.string(),
  text: z.string(),
  reason: z.string(),
  createdAt: z.iso.datetime(),
  runId: id.nullable(),
})

export function addUncertainRoutes(endpoints: Endpoints, deps: UncertainDeps): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/doubts",
    summary: "Messages of which nobody knows whether they arrived, oldest first",
    input: {},
    answers: { 200: z.object({ doubts: z.array(doubt) }) },
    handle: async () => ({ doubts: await uncertainDeliveries(deps.db) }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/doubts/:id",
    summary: "Say what became of one: `yes` it arrived, `again` send it once more, `no` leave it",
    input: { params: z.object({ id }), body: z.object({ verdict: uncertainVerdict }) },
    answers: { 200: z.object({ ok: z.literal(true) }) },
    async handle({ params, body }) {
      await resolveUncertain(deps, params.id, body.verdict)
      return { ok: true }
    },
  })
}

/** Throws `Reject` 404 when there is no such doubt, or no more. */
export async function resolveUncertain(
  { db, notifier }: UncertainDeps,
  doubtId: string,
  verdict: UncertainVerdict,
): Promise<void> {
  const threadId = await settleUncertain(db, doubtId, verdict, new Date())
  if (threadId === null) throw new Reject(404, "no message is in doubt under this id", { code: "not_found" })
  if (verdict === "again") notifier.notify("outbox", threadId)
  notifier.notify("thread", threadId)
}
