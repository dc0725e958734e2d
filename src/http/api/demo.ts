/** The demo over the API: triage of a made-up repository, without an account. */
import { type DemoResult, demoAnswer } from "../../contract/work/demo.ts"
import type { Endpoints } from "./endpoint.ts"

export interface DemoAccess {
  runDemo(): Promise<DemoResult>
}

export function addDemoRoutes(endpoints: Endpoints, { runDemo }: DemoAccess): void {
  endpoints.add({
    method: "POST",
    path: "/api/v1/demo",
    summary: "Triage the demo's issues and make their digest",
    input: {},
    answers: { 200: demoAnswer },
    handle: async () => ({ status: 200, body: await runDemo() }),
  })
}
