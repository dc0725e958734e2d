/**
 * Providers: how each server differs, as data. The dialects read these facts and never ask for a name.
 * Sources: the providers' own compatibility pages and the reports of those who met the refusals.
 */
export type Dialect = "responses" | "chat"

export interface ProviderFacts {
  dialect: Dialect
  /** The id in the price list; without one the model's name alone is looked up. */
  prices?: string
  /** Runs on the owner's machine, so a call has no price. */
  free: boolean
  outputCap: "max_completion_tokens" | "max_tokens"
  /** The content of an assistant message which holds only tool calls; some refuse null, some an empty string. */
  noContent: null | ""
  /** `nine`: tool call ids must be nine letters or digits. */
  callIds: "any" | "nine"
  /** How a JSON answer is asked for. */
  answers: "json_schema" | "json_object" | "prompt"
  /** Fields of an assistant message and of its tool calls which must come back on the next request. */
  echo: readonly string[]
  echoCall: readonly string[]
  /** What an assistant message with tool calls must carry even when the model gave none. */
  always: Readonly<Record<string, unknown>>
  /** What a tool call made by another model must carry. */
  foreignCall: Readonly<Record<string, unknown>>
  /** Models that take no pictures, by name; any other is shown them, and a refusal teaches otherwise (`learned-limits.ts`). */
  blind: RegExp
  /** The model that transcribes unless another is set; without one nothing is transcribed. */
  hears?: string
  /** Error codes that mean "ask again" although the status says the request is wrong. */
  retryCodes: readonly string[]
}

const BASE: ProviderFacts = {
  dialect: "chat",
  free: false,
  outputCap: "max_tokens",
  noContent: "",
  callIds: "any",
  answers: "json_schema",
  echo: [],
  echoCall: [],
  always: {},
  foreignCall: {},
  blind: /(^|[/_-])(embed|whisper|tts|coder|codestral)/i,
  retryCodes: [],
}

const THINKING = { echo: ["reasoning_content"], always: { reasoning_content: "" } }
const LOCAL: ProviderFacts = { ...BASE, free: true }

const FACTS: Readonly<Record<string, ProviderFacts>> = {
  openai: {
    ...BASE,
    dialect: "responses",
    prices: "openai",
    outputCap: "max_completion_tokens",
    noContent: null,
    blind: /^(gpt-3|gpt-4(-\d|$)|o1-(mini|preview)|o3-mini|gpt-oss)/,
    hears: "gpt-4o-mini-transcribe",
  },
  azure: { ...BASE, dialect: "responses", prices: "azure", outputCap: "max_completion_tokens", noContent: null },
  google: {
    ...BASE,
    prices: "google",
    noContent: null,
    echoCall: ["extra_content"],
    foreignCall: { extra_content: { google: { thought_signature: "skip_thought_signature_validator" } } },
  },
  anthropic: { ...BASE, prices: "anthropic", noContent: null, answers: "prompt" },
  openrouter: { ...BASE, prices: "openrouter", noContent: null, echo: ["reasoning_details"] },
  deepseek: { ...BASE, ...THINKING, prices: "deepseek", answers: "json_object", blind: /./ },
  moonshotai: { ...BASE, ...THINKING, prices: "moonshotai", answers: "json_object" },
  groq: { ...BASE, prices: "groq", noContent: null, answers: "json_object", retryCodes: ["tool_use_failed"] },
  mistral: { ...BASE, prices: "mistral", callIds: "nine" },
  "x-ai": { ...BASE, prices: "x-ai" },
  together: { ...BASE, prices: "together" },
  fireworks: { ...BASE, prices: "fireworks" },
  cerebras: { ...BASE, prices: "cerebras" },
  ollama: LOCAL,
  lmstudio: LOCAL,
  "llama.cpp": LOCAL,
  vllm: LOCAL,
}

/** Addresses to providers, first match wins; matched against `host:port`. */
const HOSTS: readonly (readonly [RegExp, string])[] = [
  [/^api\.openai\.com$/, "openai"],
  [/(^|\.)(openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com)$/, "azure"],
  [/(^|\.)googleapis\.com$/, "google"],
  [/^api\.anthropic\.com$/, "anthropic"],
  [/(^|\.)openrouter\.ai$/, "openrouter"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^api\.moonshot\.(ai|cn)$/, "moonshotai"],
  [/^api\.groq\.com$/, "groq"],
  [/(^|\.)mistral\.ai$/, "mistral"],
  [/^api\.x\.ai$/, "x-ai"],
  [/^api\.together\.xyz$/, "together"],
  [/^api\.fireworks\.ai$/, "fireworks"],
  [/^api\.cerebras\.ai$/, "cerebras"],
  [/^(localhost|127\.0\.0\.1|\[::1\]):11434$/, "ollama"],
  [/^(localhost|127\.0\.0\.1|\[::1\]):1234$/, "lmstudio"],
]

/** The provider behind a base URL, `openai-compatible` when nobody knows it. */
export function providerAt(baseUrl: string): string {
  const { host } = new URL(baseUrl)
  return HOSTS.find(([pattern]) => pattern.test(host))?.[1] ?? "openai-compatible"
}

export function factsOf(provider: string): ProviderFacts {
  return FACTS[provider] ?? BASE
}
