/**
 * Model: the neutral contract of every language model. The dialects (`responses`, `chat`) and the offline responder
 * implement it, and no room above depends on which of them answered.
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
  /** Vigil's own id, unique within a run. A dialect maps it to an id that its provider accepts. */
  id: string
  name: string
  /**
   * The arguments as the model wrote them: JSON text, possibly malformed. The caller of the tool parses and validates
   * them.
   */
  arguments: string
}

export type Message =
  | { role: "user"; text: string; attached?: Attached[] }
  | { role: "assistant"; text: string | null; toolCalls: ToolCall[]; state?: ProviderState }
  | { role: "tool"; callId: string; name: string; text: string }

/**
 * What a provider must get back on the next call (reasoning items, thought signatures). It is dropped when the model
 * changes.
 */
export interface ProviderState {
  provider: string
  model: string
  data: unknown
}

export interface ModelRequest {
  /** The model to ask first instead of the configured one: its name at the endpoint, or `offline`. */
  model?: string
  system: string
  messages: Message[]
  /**
   * Context that changes from call to call (time, recalled memories). A dialect appends it to the last user message, so
   * that everything before it stays the same for the provider's cache. The offline responder does not read it.
   */
  volatile?: string
  tools: ToolSpec[]
  /** When set, the answer is one JSON value of this schema, and the model may call no tool. */
  schema?: { name: string; schema: Record<string, unknown> }
  /** The cap on the answer, in tokens. */
  maxOutput: number
  /** Names the provider's prompt cache. It is the same for all calls of a thread, so that the cache is found again. */
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
  /** US dollars; null, never 0, when the price is unknown. The offline responder costs 0. */
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
  /** Why this model was chosen, for people: "OPENAI_API_KEY is set", "found on this machine", … */
  because: string
}

export interface Model {
  /** The first model of the list, as it was resolved at boot. */
  readonly identity: ModelIdentity
  /** Whether no language model is configured. */
  readonly offline: boolean
  /**
   * Asks the models of the configured list until one answers. Throws `Retry` when every model was away or busy, `Reject`
   * when a model refuses the request itself, `Limit("context")` when the prompt is too long, and the signal's reason when
   * the caller aborts.
   */
  ask(request: ModelRequest): Promise<ModelResult>
  /** The highest cost of `request` in US dollars, which is reserved before the call; null when the model has no price. */
  estimate(request: ModelRequest): number | null
  /** Estimated tokens of a text for the first model (`tokens.ts`). */
  tokens(text: string): number
  /** Whether pictures may be shown to `model`, or to the first model; absent when no model takes pictures. */
  sees?(model?: string): boolean
}

/** The words of a recording. */
export interface Transcript {
  text: string
  usage: Usage
  /** US dollars; null when the price is unknown. */
  cost: number | null
  provider: string
  model: string
}

export interface Recording {
  bytes: Uint8Array
  /** MIME type: `audio/ogg`. */
  type: string
  /** Length as the sender's program gave it; absent when it gave none. */
  seconds?: number
}

export interface Transcriber {
  readonly model: string
  /** Throws `Retry` when the endpoint is away or busy, `Reject` when it refuses the recording. */
  transcribe(recording: Recording, signal?: AbortSignal): Promise<Transcript>
  /** The highest cost in US dollars of a recording of this size (bytes) and length; null when the model has no price. */
  estimate(length: { size: number; seconds?: number }): number | null
}

export interface Embedder {
  /** The name of the vector space. Vectors of different spaces are never compared. */
  readonly model: string
  /** One unit-length vector per text; throws `Retry` when the endpoint is away. */
  embed(texts: string[], signal?: AbortSignal): Promise<number[][]>
}
