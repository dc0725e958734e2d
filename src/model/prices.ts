/**
 * Prices: the US dollars that a call costs, from the bundled list of `@pydantic/genai-prices`. A model that is not on the
 * list has no price (null), never the price zero, because a budget must not take it for free. Only a model on this machine
 * is free.
 */
import type { MeteredUsage } from "./dialects/dialect.ts"
import { factsOf } from "./servers/providers.ts"

export interface PriceList {
  /** US dollars, or null when the list does not know the model. */
  cost(at: { provider: string; model: string }, usage: MeteredUsage): number | null
}

/** Loads the list, which takes 50 ms and 20 MB; an offline installation does not need it. */
export async function loadPrices(): Promise<PriceList> {
  const { calcPrice } = await import("@pydantic/genai-prices")
  function cost({ provider, model }: { provider: string; model: string }, usage: MeteredUsage): number | null {
    const facts = factsOf(provider)
    // Ollama forwards models with this ending to a paid service.
    if (facts.free) return /[:-]cloud$/.test(model) ? null : 0
    // Every prompt has tokens, so a server that reports none did not count them, and the cost is unknown.
    if (usage.input === 0) return null
    const options = facts.prices === undefined ? {} : { providerId: facts.prices }
    return calcPrice(priced(usage), model, options)?.total_price ?? null
  }
  return { cost }
}

/** The usage of a recording, as far as it is known. */
export interface AudioUsage {
  /** Length of the recording. */
  seconds?: number
  /** Tokens of the whole input. */
  input: number
  /** Tokens of sound; `input` includes them. */
  audio: number
  /** Tokens of the output. */
  output: number
}

export interface AudioPrices {
  /** US dollars; null when the list does not know the model, or when the usage is unknown. */
  cost(at: { provider: string; model: string }, usage: AudioUsage): number | null
}

/**
 * Loads the same list for recordings. It prices some models by the minute and others by the token, and gives 0 for the
 * other measure.
 */
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

/** Keeps the cache counts within the total: the list refuses higher ones, and some servers report them. */
function priced(usage: MeteredUsage) {
  const cached = Math.min(usage.cached, usage.input)
  return {
    input_tokens: usage.input,
    cache_read_tokens: cached,
    cache_write_tokens: Math.min(usage.cacheWrite, usage.input - cached),
    output_tokens: usage.output,
  }
}
