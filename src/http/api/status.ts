/** Status over the API: what is running and how. */
import { type Status, statusAnswer } from "../../contract/installation/status.ts"
import type { Endpoints } from "./endpoint.ts"

export interface StatusAccess {
  status(): Promise<Status>
}

export function addStatusRoutes(endpoints: Endpoints, { status }: StatusAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/status",
    summary: "What is running and how",
    input: {},
    answers: { 200: statusAnswer },
    handle: async () => ({ status: 200, body: await status() }),
  })
}
