/** Endpoint: one model at one address, resolved once at boot. Its key never enters a message, a log line or an error. */
import { type Dialect, factsOf } from "./providers.ts"

export interface RemoteEndpoint {
  /** An id of `providers.ts`. */
  provider: string
  model: string
  /** The address up to `/chat/completions`, without a trailing slash. */
  baseUrl: string
  apiKey: string
  /** The dialect of the first attempt; a refusal may teach the other one (`learned-limits.ts`). */
  dialect: Dialect
  /** Whether the model takes pictures, as the owner or the server said. When absent, the facts of the provider decide. */
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

/** Whether pictures may be shown to the model. It is a guess: only the model's answer tells for certain. */
export function mayShow(endpoint: RemoteEndpoint): boolean {
  return endpoint.sees ?? !factsOf(endpoint.provider).blind.test(endpoint.model)
}

/** The name of a model for people, and the key of state that is kept per model: `openai/gpt-6-luna`. */
export function nameOf(endpoint: { provider: string; model: string }): string {
  return endpoint.provider === OFFLINE.provider ? endpoint.model : `${endpoint.provider}/${endpoint.model}`
}
