/**
 * Prices: US dollars of a call, from the bundled list of `@pydantic/genai-prices`. What it does not know has no price
 * (null), never the price zero; only a model on this machine is free.
 */
import type { MeteredUsage } from "./dialect.ts"
import { factsOf } from "./providers.ts"

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
