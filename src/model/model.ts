/**
 * Model: the one neutral contract for every language model. Dialects (`responses`, `chat`) and the offline
 * responder stand behind it; nothing above knows which one answered.
 */
import type { Attached } from "./attached.ts"

export interface ToolSpec {
  /** `^[a-zA-Z0-9_-]{1,64}$` */
  name: string
  description: string
  /** JSON Schema, draft 2020-12, of the arguments object. */
  parameters: Record<string, unknown>
}

export interface ToolCall {
  /** Ours, unique within a run; dialects map it to what their provider accepts. */
  id: string
  name: string
  /** The arguments as the model wrote them: JSON text, possibly malformed. Parsed and validated by the tool room. */
  arguments: string
}

export type Message =
  | { role: "user"; text: string; attached?: Attached[] }
  | { role: "assistant"; text: string | null; toolCalls: ToolCall[]; state?: ProviderState }
  | { role: "tool"; callId: string; name: string; text: string }

/** What a provider wants back on the next call (reasoning items, thought signatures); dropped when the model changes. */
export interface ProviderState {
  provider: string
  model: string
  data: unknown
}

export interface ModelRequest {
  /** Overrides the configured model: `provider-id` as the endpoint names it, or `offline`. */
  model?: string
  system: string
  messages: Message[]
  /**
   * What changes from call to call (time, recalled memories). A dialect appends it to the last user message, so that
   * everything before stays the same for the provider's cache; the offline responder does not read it.
   */
  volatile?: string
  tools: ToolSpec[]
  /** When set, the answer is one JSON value of this schema and no tool may be called. */
  schema?: { name: string; schema: Record<string, unknown> }
  /** Tokens. */
  maxOutput: number
  /** Stable per thread, so that the provider's prompt cache is hit. */
  cacheKey?: string
  signal?: AbortSignal
}

export interface Usage {
  /** All prompt tokens, cached ones included. */
  input: number
  cached: number
  output: number
}

export interface ModelResult {
  text: string
  toolCalls: ToolCall[]
  finish: "stop" | "tool_calls" | "length" | "filtered"
  usage: Usage
  /** US dollars; null when the price is not known (never 0 for that). Offline costs 0. */
  cost: number | null
  provider: string
  model: string
  state?: ProviderState
}

export interface ModelIdentity {
  /** `openai`, `ollama`, `lmstudio`, `openai-compatible`, …, or `offline`. */
  provider: string
  model: string
  baseUrl?: string
  /** How it was found, for people: "OPENAI_API_KEY is set", "found on this machine", … */
  because: string
}

export interface Model {
  /** The first choice, resolved at boot. */
  readonly identity: ModelIdentity
  readonly offline: boolean
  /**
   * Asks, failing over along the configured list. Throws `Retry` when every model was away or busy, `Reject` when the
   * request itself is refused, `Limit("context")` when the prompt is too long, and the signal's reason when aborted.
   */
  ask(request: ModelRequest): Promise<ModelResult>
  /** The most `request` can cost in US dollars, for reserving money before the call; null when unpriced. */
  estimate(request: ModelRequest): number | null
  /** Estimated tokens of a text for the model in use (characters per token, calibrated on returned usage). */
  tokens(text: string): number
  /** Whether a picture may be shown to the one chosen, or to the first choice; absent for one that sees nothing. */
  sees?(model?: string): boolean
}

/** What was said in a recording. */
export interface Transcript {
  text: string
  usage: Usage
  /** US dollars; null when the price is not known. */
  cost: number | null
  provider: string
  model: string
}

export interface Recording {
  bytes: Uint8Array
  /** `audio/ogg` */
  type: string
  /** How long it plays, when somebody said so. */
  seconds?: number
}

export interface Transcriber {
  readonly model: string
  /** Throws `Retry` when the endpoint is away or busy, `Reject` when it will not take the recording. */
  transcribe(recording: Recording, signal?: AbortSignal): Promise<Transcript>
  /** The most it can cost in US dollars; null when unpriced. */
  estimate(length: { size: number; seconds?: number }): number | null
}

export interface Embedder {
  /** Names the vector space: vectors of different models never meet. */
  readonly model: string
  /** One unit-length vector per text; throws `Retry` when the endpoint is away. */
  embed(texts: string[], signal?: AbortSignal): Promise<number[][]>
}
