/** Automations over the API: what is done without being asked, and when next. */

import type { Served } from "../../contract/instant.ts"
import { type AutomationRow, automationsAnswer } from "../../contract/work/automations.ts"
import type { Endpoints } from "./endpoint.ts"

export interface AutomationAccess {
  automations(): Promise<Served<AutomationRow>[]>
}

export function addAutomationRoutes(endpoints: Endpoints, { automations }: AutomationAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/automations",
    summary: "Automations",
    input: {},
    answers: { 200: automationsAnswer },
    handle: async () => ({ status: 200, body: { automations: await automations() } }),
  })
}
