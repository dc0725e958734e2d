/**
 * Providers: the differences between the model servers, as data. A dialect reads these facts and never compares the name
 * of a provider, so that a new provider needs one row here and no code.
 * Sources: the providers' own compatibility pages, and public reports of the refusals.
 */
export type Dialect = "responses" | "chat"

export interface ProviderFacts {
  dialect: Dialect
  /** The provider's id in the price list; when absent, the price is looked up by the name of the model alone. */
  prices?: string
  /** Whether the server runs on the owner's machine, so that a call costs nothing. */
  free: boolean
  /** The field that caps the output. */
  outputCap: "max_completion_tokens" | "max_tokens"
  /** The content of an assistant message that has only tool calls. Some servers refuse null, others an empty string. */
  noContent: null | ""
  /** The form of a tool call id; `nine` is exactly nine letters or digits. */
  callIds: "any" | "nine"
  /** How a request says that its answer is JSON. */
  answers: "json_schema" | "json_object" | "prompt"
  /** Fields of an assistant message that the next request must carry. */
  echo: readonly string[]
  /** Fields of a tool call that the next request must carry. */
  echoCall: readonly string[]
  /** Fields that an assistant message with tool calls must have even when the model gave none. */
  always: Readonly<Record<string, unknown>>
  /** Fields that a tool call of another model must have. */
  foreignCall: Readonly<Record<string, unknown>>
  /**
   * The names of models that take no pictures. Any other model is shown them, and a refusal teaches the limit
   * (`learned-limits.ts`).
   */
  blind: RegExp
  /** The default model for transcription; when absent, nothing is transcribed unless the owner names a model. */
  hears?: string
  /** Error codes that mean "try again" although the status says that the request is wrong. */
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

/** The provider of an address, matched against `host:port`; the first match wins. */
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

/** The provider at a base URL; `openai-compatible` when the address is unknown. */
export function providerAt(baseUrl: string): string {
  const { host } = new URL(baseUrl)
  return HOSTS.find(([pattern]) => pattern.test(host))?.[1] ?? "openai-compatible"
}

/** The facts of a provider; an unknown one gets those that most servers share. */
export function factsOf(provider: string): ProviderFacts {
  return FACTS[provider] ?? BASE
}
