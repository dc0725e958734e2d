/** Dialect: what both wire formats take and give, so that the caller of one need not know which it is. */
import type { OpenAI } from "openai"
import { Retry } from "../../base/errors.ts"
import type { ModelRequest, ModelResult, Usage } from "../model.ts"
import { nameOf, type RemoteEndpoint } from "../servers/endpoint.ts"
import type { ProviderFacts } from "../servers/providers.ts"

export interface DialectCall {
  client: OpenAI
  endpoint: RemoteEndpoint
  facts: ProviderFacts
  /** The model refuses `reasoning.encrypted_content`. */
  plainReasoning: boolean
  /** Pictures are shown to it. */
  sees: boolean
  request: ModelRequest
}

export interface DialectAnswer extends Pick<ModelResult, "text" | "toolCalls" | "finish"> {
  usage: MeteredUsage
  /** What this dialect wants back on the next request. */
  state?: unknown
  /** US dollars, when the provider itself said what it charged. */
  billed?: number
}

export interface MeteredUsage extends Usage {
  /** Prompt tokens written to the provider's cache, part of `input`. */
  cacheWrite: number
}

/** An answer that is not what the dialect promises: passing trouble at the server, or no model server at all. */
export function unreadable(endpoint: RemoteEndpoint, cause: unknown): Retry {
  return new Retry(`${nameOf(endpoint)} gave an answer that is not of its API`, {
    code: "bad_answer",
    fix: "check OPENAI_BASE_URL: it usually ends in /v1",
    cause,
  })
}

/** State that this dialect made for this very model, else undefined: another model must not see it. */
export function stateFor(
  call: DialectCall,
  state: { provider: string; model: string; data: unknown } | undefined,
): unknown {
  const { provider, model } = call.endpoint
  return state?.provider === provider && state.model === model ? state.data : undefined
}
