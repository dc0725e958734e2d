/** Requests and models for the tests of this room. */
import type { Clock } from "../../src/base/clock.ts"
import { createModel } from "../../src/model/client.ts"
import type { Model, ModelRequest, ToolSpec } from "../../src/model/model.ts"
import { type Endpoint, nameOf } from "../../src/model/servers/endpoint.ts"

export const CLOCK: Clock = { now: () => new Date("2026-11-22T10:00:00Z") }

export const WEATHER: ToolSpec = {
  name: "weather",
  description: "The weather at a place",
  parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] },
}

export function ask(more: Partial<ModelRequest> = {}): ModelRequest {
  return { system: "Be brief.", messages: [{ role: "user", text: "hello" }], tools: [], maxOutput: 200, ...more }
}

export async function modelOf(endpoints: Endpoint[], more: { clock?: Clock; timeoutMs?: number } = {}): Promise<Model> {
  const [first] = endpoints
  if (first === undefined) throw new Error("a model needs an endpoint")
  const identity = { provider: first.provider, model: first.model, because: `${nameOf(first)} is under test` }
  const limits = { maxRetries: 0, timeoutMs: more.timeoutMs ?? 5_000 }
  return await createModel({ identity, endpoints }, { clock: more.clock ?? CLOCK, limits })
}
