/** Memories over the API: found by words, or listed. */
import type { Served } from "../../contract/instant.ts"
import { type MemoryRow, memoriesAnswer, memoriesQuery } from "../../contract/work/memories.ts"
import type { Endpoints } from "./endpoint.ts"

export interface MemoryAccess {
  /** Memories that `q` finds, with scores; the newest ones without `q`. */
  memories(query: { q?: string | undefined; limit: number }): Promise<Served<MemoryRow>[]>
}

export function addMemoryRoutes(endpoints: Endpoints, { memories }: MemoryAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/memories",
    summary: "Memories that `q` finds, with scores; the newest without it",
    input: { query: memoriesQuery },
    answers: { 200: memoriesAnswer },
    handle: async ({ query }) => ({ status: 200, body: { memories: await memories(query) } }),
  })
}
