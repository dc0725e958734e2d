/** Endpoint: one model at one address. Resolved once at boot; its key never enters a message, a log line or an error. */
import { type Dialect, factsOf } from "./providers.ts"

export interface RemoteEndpoint {
  /** An id of `providers.ts`. */
  provider: string
  model: string
  /** Ends before `/chat/completions`; no trailing slash. */
  baseUrl: string
  apiKey: string
  /** The dialect to begin with; a refusal may teach the other one (`learned-limits.ts`). */
  dialect: Dialect
  /** Whether it takes pictures, where the owner or the server said so; else its provider's facts decide. */
  sees?: boolean
}

export interface OfflineEndpoint {
  provider: "offline"
  model: "offline/rules-1"
}

export type Endpoint = RemoteEndpoint | OfflineEndpoint

export const OFFLINE: OfflineEndpoint = { provider: "offline", model: "offline/rules-1" }

export function isRemote(endpoint: Endpoint): endpoint is RemoteEndpoint {
  return endpoint.provider !== OFFLINE.provider
}

/** Whether pictures are worth showing to it; only its answer tells for sure. */
export function mayShow(endpoint: RemoteEndpoint): boolean {
  return endpoint.sees ?? !factsOf(endpoint.provider).blind.test(endpoint.model)
}

/** Names a model for people and for state kept per model: `openai/gpt-6-luna`. */
export function nameOf(endpoint: { provider: string; model: string }): string {
  return endpoint.provider === OFFLINE.provider ? endpoint.model : `${endpoint.provider}/${endpoint.model}`
}
