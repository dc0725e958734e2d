/**
 * Dialect: the input and the output that both wire formats share, so that a caller does not need to know which one it
 * uses.
 */
import type { OpenAI } from "openai"
import { Retry } from "../../base/errors.ts"
import type { ModelRequest, ModelResult, Usage } from "../model.ts"
import { nameOf, type RemoteEndpoint } from "../servers/endpoint.ts"
import type { ProviderFacts } from "../servers/providers.ts"

export interface DialectCall {
  client: OpenAI
  endpoint: RemoteEndpoint
  facts: ProviderFacts
  /** True for a model that refuses `reasoning.encrypted_content`. */
  plainReasoning: boolean
  /** Whether the model is shown pictures. */
  sees: boolean
  request: ModelRequest
}

export interface DialectAnswer extends Pick<ModelResult, "text" | "toolCalls" | "finish"> {
  usage: MeteredUsage
  /** What the next request in this dialect must carry. */
  state?: unknown
  /** US dollars; set when the provider itself said what it charged. */
  billed?: number
}

export interface MeteredUsage extends Usage {
  /** Prompt tokens that were written to the provider's cache; `input` includes them. */
  cacheWrite: number
}

/**
 * The error for an answer that does not have the shape of its API. The server is in passing trouble, or it is no model
 * server at all.
 */
export function unreadable(endpoint: RemoteEndpoint, cause: unknown): Retry {
  return new Retry(`${nameOf(endpoint)} gave an answer in a form that its API does not have`, {
    code: "bad_answer",
    fix: "check OPENAI_BASE_URL: it usually ends in /v1",
    cause,
  })
}

/** The state of an earlier answer if the model of this call made it, else undefined: another model must not see it. */
export function stateFor(
  call: DialectCall,
  state: { provider: string; model: string; data: unknown } | undefined,
): unknown {
  const { provider, model } = call.endpoint
  return state?.provider === provider && state.model === model ? state.data : undefined
}
