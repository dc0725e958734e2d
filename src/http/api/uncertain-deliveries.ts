/** Messages that may not have arrived, over the API: seen by the owner, who says what becomes of each. */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import type { Bell } from "../../queue/notifier.ts"
import { type DoubtVerdict, openDoubts, settleDoubt } from "../../thread/outbox/uncertain-deliveries.ts"
import type { Endpoints } from "./endpoint.ts"

export interface DoubtDeps {
  db: Db
  bell: Pick<Bell, "ring">
}

const id = z.uuid()
export const doubtVerdict = z.enum(["yes", "again", "no"])
const doubt = z.object({
  id,
  threadId: id,
  channel: z.string(),
  text: z.string(),
  reason: z.string(),
  createdAt: z.iso.datetime(),
  runId: id.nullable(),
})

export function addDoubts(endpoints: Endpoints, deps: DoubtDeps): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/doubts",
    summary: "Messages of which nobody knows whether they arrived, oldest first",
    input: {},
    answers: { 200: z.object({ doubts: z.array(doubt) }) },
    handle: async () => ({ doubts: await openDoubts(deps.db) }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/doubts/:id",
    summary: "Say what became of one: `yes` it arrived, `again` send it once more, `no` leave it",
    input: { params: z.object({ id }), body: z.object({ verdict: doubtVerdict }) },
    answers: { 200: z.object({ ok: z.literal(true) }) },
    async handle({ params, body }) {
      await resolveDoubt(deps, params.id, body.verdict)
      return { ok: true }
    },
  })
}

/** Throws `Reject` 404 when there is no such doubt, or no more. */
export async function resolveDoubt({ db, bell }: DoubtDeps, doubtId: string, verdict: DoubtVerdict): Promise<void> {
  const threadId = await settleDoubt(db, doubtId, verdict, new Date())
  if (threadId === null) throw new Reject(404, "no message is in doubt under this id", { code: "not_found" })
  if (verdict === "again") bell.ring("outbox", threadId)
  bell.ring("thread", threadId)
}
