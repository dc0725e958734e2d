/**
 * SDK: the `openai` package, loaded at its first use because it costs 180 ms and 36 MB. Every option is set explicitly,
 * because the package reads environment variables otherwise, and one of them could add a header or an address.
 */
import type { OpenAI } from "openai"
import type { RemoteEndpoint } from "../servers/endpoint.ts"
import { createGuardedFetch } from "../servers/guarded-fetch.ts"

export interface SdkLimits {
  /** Milliseconds for one attempt. */
  timeoutMs: number
  /** Attempts after the first, for failures that pass quickly. */
  maxRetries: number
}

const LIMITS: SdkLimits = { timeoutMs: 90_000, maxRetries: 1 }
const MAX_BYTES = 16 * 1024 * 1024
const PATIENCE_MS = 2_000

/** Gives the SDK client of an address and key; there is one client per pair. */
export type Sdk = (at: Pick<RemoteEndpoint, "baseUrl" | "apiKey">) => Promise<OpenAI>

export function createSdk(limits: Partial<SdkLimits> = {}): Sdk {
  const { timeoutMs, maxRetries } = { ...LIMITS, ...limits }
  const send = createGuardedFetch({ maxBytes: MAX_BYTES, patienceMs: PATIENCE_MS })
  const clients = new Map<string, OpenAI>()
  return async ({ baseUrl, apiKey }) => {
    const key = `${baseUrl} ${apiKey}`
    const known = clients.get(key)
    if (known !== undefined) return known
    const { OpenAI } = await import("openai")
    const client = new OpenAI({
      baseURL: baseUrl,
      apiKey,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
      timeout: timeoutMs,
      maxRetries,
      logLevel: "off",
      fetch: send,
    })
    clients.set(key, client)
    return client
  }
}
