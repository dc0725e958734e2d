/** Runs over the API: what the agent did, in short, and one run with everything about it. */
import { Reject } from "../../base/errors.ts"
import { runParams, runsAnswer, runsQuery, traceSchema } from "../../contract/conversation/runs.ts"
import type { Db } from "../../db/db.ts"
import { findRun, listRuns } from "../../thread/runs/trace.ts"
import type { Endpoints } from "./endpoint.ts"

export function addRunRoutes(endpoints: Endpoints, { db }: { db: Db }): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/runs",
    summary: "Runs, newest first",
    input: { query: runsQuery },
    answers: { 200: runsAnswer },
    handle: async ({ query: { thread, ...filter } }) => ({
      status: 200,
      body: { runs: await listRuns(db, { ...filter, threadId: thread }) },
    }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/runs/:id",
    summary: "A run with everything about it; the id may be its beginning, at least eight characters",
    input: { params: runParams },
    answers: { 200: traceSchema },
    async handle({ params }) {
      const run = await findRun(db, params.id)
      if (!run) throw new Reject(404, "there is no such run", { code: "not_found" })
      return { status: 200, body: run }
    },
  })
}
