/** Uncertain deliveries over the API: the owner sees each message that may not have arrived, and says what becomes of it. */
import { Reject } from "../../base/errors.ts"
import { uncertainAnswer, uncertainInput, uncertainParams } from "../../contract/conversation/uncertain-deliveries.ts"
import { doneAnswer } from "../../contract/problem.ts"
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

export function addUncertainRoutes(endpoints: Endpoints, deps: UncertainDeps): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/doubts",
    summary: "Messages of which nobody knows whether they arrived, oldest first",
    input: {},
    answers: { 200: uncertainAnswer },
    handle: async () => ({ status: 200, body: { doubts: await uncertainDeliveries(deps.db) } }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/doubts/:id",
    summary: "Say what became of one: `yes` it arrived, `again` send it once more, `no` leave it",
    input: { params: uncertainParams, body: uncertainInput },
    answers: { 200: doneAnswer },
    async handle({ params, body }) {
      await resolveUncertain(deps, params.id, body.verdict)
      return { status: 200, body: { ok: true } }
    },
  })
}

/** Throws `Reject` 404 when nothing is uncertain under this id, or no more. */
export async function resolveUncertain(
  { db, notifier }: UncertainDeps,
  id: string,
  verdict: UncertainVerdict,
): Promise<void> {
  const threadId = await settleUncertain(db, id, verdict, new Date())
  if (threadId === null) throw new Reject(404, "no message is uncertain under this id", { code: "not_found" })
  if (verdict === "again") notifier.notify("outbox", threadId)
  notifier.notify("thread", threadId)
}
