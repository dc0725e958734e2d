/**
 * Learned limits: what a model refused once, kept for the life of the process. Each limit is learned from one exact kind
 * of refusal and leads to one more attempt. A refusal that teaches nothing is never repeated.
 */
import type { Dialect, ProviderFacts } from "./providers.ts"

export interface LearnedLimits {
  dialect?: Dialect
  outputCap?: ProviderFacts["outputCap"]
  answers?: ProviderFacts["answers"]
  /** True for a model that has no encrypted reasoning to carry. */
  plainReasoning?: boolean
  /** False for a model that takes no pictures. */
  sees?: false
}

/** The words of a refusal, and the limit that they teach. */
const LESSONS: readonly (readonly [RegExp, LearnedLimits])[] = [
  // "Function tools with reasoning_effort are not supported for … in /v1/chat/completions. …, use /v1/responses …"
  [/Function tools .*not supported .*\/v1\/chat\/completions/i, { dialect: "responses" }],
  [/max_tokens.*max_completion_tokens/i, { outputCap: "max_completion_tokens" }],
  [/max_completion_tokens.*(not (supported|permitted)|unknown|extra|unrecognized)/i, { outputCap: "max_tokens" }],
  [/(response_format|text\.format|json_schema).*(support|unknown|unrecognized|unavailable)/i, { answers: "prompt" }],
  [/encrypted content is not supported/i, { plainReasoning: true }],
  // Refusals of all pictures: "unknown variant `image_url`, expected `text`", "image input is not supported", "image_url
  // is only supported by certain models".
  // The refusal of one broken picture has other words and teaches nothing.
  [/unknown variant .?(image_url|input_image)/i, { sees: false }],
  [
    /\b(image_url|image inputs?|image content|images|vision) (is|are) (not|only) (supported|available|allowed|enabled)/i,
    { sees: false },
  ],
  [
    /(not|n't|no endpoints .{0,30}) (support|accept|handle) (image(?! (format|type|file))|vision|multimodal)/i,
    { sees: false },
  ],
]

/** The learned limits of each pair of base URL and model. */
export interface LimitBook {
  of(pair: string): LearnedLimits
  /** Learns from the message of a refusal; true when it taught something new. */
  learn(pair: string, message: string): boolean
}

export function createLimitBook(): LimitBook {
  const known = new Map<string, LearnedLimits>()
  function learn(pair: string, message: string): boolean {
    const lesson = LESSONS.find(([pattern]) => pattern.test(message))?.[1]
    const before = known.get(pair) ?? {}
    const after = { ...before, ...lesson }
    if (JSON.stringify(after) === JSON.stringify(before)) return false
    known.set(pair, after)
    return true
  }
  return { of: (pair) => known.get(pair) ?? {}, learn }
}
