/**
 * Prices: US dollars of a call, from the bundled list of `@pydantic/genai-prices`. What it does not know has no price
 * (null), never the price zero; only a model on this machine is free.
 */
import type { MeteredUsage } from "./dialects/dialect.ts"
import { factsOf } from "./servers/providers.ts"

export interface PriceList {
  /** US dollars, or null when the list does not know the model. */
  cost(at: { provider: string; model: string }, usage: MeteredUsage): number | null
}

/** Loads the list (50 ms, 20 MB); only worth it when a model is paid for. */
export async function loadPrices(): Promise<PriceList> {
  const { calcPrice } = await import("@pydantic/genai-prices")
  function cost({ provider, model }: { provider: string; model: string }, usage: MeteredUsage): number | null {
    const facts = factsOf(provider)
    // Ollama also forwards models with this ending to a paid service.
    if (facts.free) return /[:-]cloud$/.test(model) ? null : 0
    // Every prompt has tokens: a server that counts none has not told what the call took.
    if (usage.input === 0) return null
    const options = facts.prices === undefined ? {} : { providerId: facts.prices }
    return calcPrice(priced(usage), model, options)?.total_price ?? null
  }
  return { cost }
}

/** What a recording took, as far as somebody said. */
export interface AudioUsage {
  seconds?: number
  /** Tokens: all of the input, those of sound among them, and the output. */
  input: number
  audio: number
  output: number
}

export interface AudioPrices {
  /** US dollars, or null when the list does not know the model, or nobody said what the recording took. */
  cost(at: { provider: string; model: string }, heard: AudioUsage): number | null
}

/** Some models are priced by the minute and some by the token; the list says 0 for the measure that is not theirs. */
export async function loadAudioPrices(): Promise<AudioPrices> {
  const { calcPrice } = await import("@pydantic/genai-prices")
  return {
    cost({ provider, model }, { seconds, input, audio, output }) {
      const facts = factsOf(provider)
      if (facts.free) return 0
      const options = facts.prices === undefined ? {} : { providerId: facts.prices }
      const price = (usage: Parameters<typeof calcPrice>[0]) => calcPrice(usage, model, options)?.total_price || null
      const byTime = seconds === undefined ? null : price({ audio_seconds: seconds })
      const sound = Math.min(audio, input)
      return byTime ?? price({ input_tokens: input, input_audio_tokens: sound, output_tokens: output })
    },
  }
}

/** The list refuses cache counts above the total, which some servers report. */
function priced(usage: MeteredUsage) {
  const cached = Math.min(usage.cached, usage.input)
  return {
    input_tokens: usage.input,
    cache_read_tokens: cached,
    cache_write_tokens: Math.min(usage.cacheWrite, usage.input - cached),
    output_tokens: usage.output,
  }
}
