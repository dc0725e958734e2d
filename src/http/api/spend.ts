/** Spend over the API: money spent and its caps. */
import { type SpendAnswer, spendAnswer } from "../../contract/installation/spend.ts"
import type { Endpoints } from "./endpoint.ts"

export interface SpendAccess {
  spend(): Promise<SpendAnswer>
}

export function addSpendRoutes(endpoints: Endpoints, { spend }: SpendAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/spend",
    summary: "Money spent and its limits, in US dollars",
    input: {},
    answers: { 200: spendAnswer },
    handle: async () => ({ status: 200, body: await spend() }),
  })
}
