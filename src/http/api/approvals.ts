/** Approvals over the API. A verdict goes the same way as a typed `K7 OK`: there is only one way to approve. */
import { Reject } from "../../base/errors.ts"
import {
  type ApprovalInput,
  approvalInput,
  approvalParams,
  approvalSchema,
  approvalsAnswer,
} from "../../contract/conversation/approvals.ts"
import type { Db } from "../../db/db.ts"
import { approvalByCode, openApprovalRecords } from "../../thread/runs/trace.ts"
import type { Conversation } from "./conversation.ts"
import type { Endpoints } from "./endpoint.ts"

export interface ApprovalDeps {
  db: Db
  conversation: Conversation
}

export function addApprovalRoutes(endpoints: Endpoints, deps: ApprovalDeps): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/approvals",
    summary: "Questions that wait for the owner",
    input: {},
    answers: { 200: approvalsAnswer },
    handle: async () => ({ status: 200, body: { approvals: await openApprovalRecords(deps.db) } }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/approvals/:code",
    summary:
      "Answer a question; `again` is for an effect that nobody knows to have happened, `change` says what to do instead",
    input: { params: approvalParams, body: approvalInput },
    answers: { 200: approvalSchema },
    handle: async ({ params, body }) => ({ status: 200, body: await answerApproval(deps, params.code, body) }),
  })
}

/** The words that mean a verdict on every channel. */
const WORDS = { yes: "OK", no: "NO", again: "AGAIN" } as const

/** Throws `Reject`: 404 for an unknown code, 409 when it was decided before or meanwhile. */
export async function answerApproval({ db, conversation }: ApprovalDeps, code: string, given: ApprovalInput) {
  const found = await approvalByCode(db, code)
  if (!found) throw new Reject(404, `no question has the code ${code}`, { code: "not_found" })
  if (found.state !== "open") throw new Reject(409, `${found.code} is ${found.state}`, { code: "decided" })
  const { verdict } = given
  if (verdict === "again" && found.kind !== "uncertain")
    throw new Reject(400, `${found.code} is an approval: it is yes, no or change`, { code: "invalid" })
  if (verdict === "change" && found.kind === "uncertain")
    throw new Reject(400, `${found.code} asks what happened: it is yes, no or again`, { code: "invalid" })
  await conversation.say({ text: `${found.code} ${verdict === "change" ? `edit: ${given.words}` : WORDS[verdict]}` })
  const after = await approvalByCode(db, found.code)
  if (!after || after.state === "open")
    throw new Reject(409, `${found.code} could not be decided`, { code: "expired", fix: "Ask Vigil to do it again." })
  return after
}
