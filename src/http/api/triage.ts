/** Triage over the API: the decisions about issues, and who is on call for them. */
import type { Served } from "../../contract/instant.ts"
import { doneAnswer } from "../../contract/problem.ts"
import {
  type DecisionRow,
  decisionsAnswer,
  decisionsQuery,
  type Rota,
  rotaAnswer,
  rotaQuery,
  rotaSchema,
} from "../../contract/work/triage.ts"
import type { Endpoints } from "./endpoint.ts"

export interface TriageAccess {
  decisions(query: { limit: number; repo?: string | undefined }): Promise<Served<DecisionRow>[]>
  /** Of one repository, which is the one for all where it has none of its own; the one for all without `repo`. */
  rota(repo?: string): Promise<Rota | null>
  setRota(rota: Rota, repo?: string): Promise<void>
}

export function addTriageRoutes(endpoints: Endpoints, access: TriageAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/triage/decisions",
    summary: "Decisions about issues, newest first",
    input: { query: decisionsQuery },
    answers: { 200: decisionsAnswer },
    handle: async ({ query }) => ({ status: 200, body: { decisions: await access.decisions(query) } }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/triage/rota",
    summary: "Who is on call; for one repository with `repo`",
    input: { query: rotaQuery },
    answers: { 200: rotaAnswer },
    handle: async ({ query }) => ({ status: 200, body: { rota: await access.rota(query.repo) } }),
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/triage/rota",
    summary: "Set who is on call; for one repository with `repo`",
    input: { query: rotaQuery, body: rotaSchema },
    answers: { 200: doneAnswer },
    async handle({ query, body }) {
      await access.setRota(body, query.repo)
      return { status: 200, body: { ok: true } }
    },
  })
}
