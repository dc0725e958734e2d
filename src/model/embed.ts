/**
 * Embed: texts to unit vectors at an OpenAI-compatible endpoint. A vector never leaves without its space's name, and a
 * server that answers with fewer vectors, or other lengths, than it was asked for is not believed.
 */
import { z } from "zod"
import { Reject } from "../base/errors.ts"
import { unreadable } from "./dialects/dialect.ts"
import { createSdk, type SdkLimits } from "./dialects/sdk.ts"
import { modelFailure } from "./failure.ts"
import type { Embedder } from "./model.ts"
import { nameOf, type RemoteEndpoint } from "./servers/endpoint.ts"

/** Texts per request. */
const BATCH = 64
/** Characters of one text: servers refuse beyond about 8,000 tokens. */
const MAX_CHARS = 24_000

/** The SDK decodes base64 into a typed array; servers that ignore the encoding send plain numbers. */
const vector = z
  .union([z.array(z.number()), z.instanceof(Float32Array)])
  .transform((values) => Array.from(values))
  .refine((values) => values.length > 0 && values.every(Number.isFinite))
const embeddings = z.object({ data: z.array(z.object({ index: z.number().int(), embedding: vector })) })

/** @param endpoint from `resolveModel`; without one there is no embedder, and memory stays lexical */
export function createEmbedder(
  endpoint: RemoteEndpoint | undefined,
  deps: { limits?: Partial<SdkLimits> } = {},
): Embedder | undefined {
  return endpoint === undefined ? undefined : embedderAt(endpoint, deps)
}

function embedderAt(at: RemoteEndpoint, deps: { limits?: Partial<SdkLimits> }): Embedder {
  const sdk = createSdk(deps.limits)
  let plain = false

  async function request(input: string[], signal?: AbortSignal): Promise<unknown> {
    const client = await sdk(at)
    const encoding = plain ? { encoding_format: "float" as const } : {}
    try {
      return await client.embeddings.create(
        { model: at.model, input, ...encoding },
        signal === undefined ? {} : { signal },
      )
    } catch (error) {
      throw await modelFailure(error, at, signal)
    }
  }

  async function batch(texts: string[], signal?: AbortSignal): Promise<number[][]> {
    signal?.throwIfAborted()
    const input = texts.map((text) => text.slice(0, MAX_CHARS) || " ")
    const raw = await request(input, signal).catch((error: unknown) => {
      // The SDK asks for base64 unless told otherwise; some servers know only plain numbers.
      if (plain || !(error instanceof Reject) || !/encoding|base64/i.test(error.message)) throw error
      plain = true
      return request(input, signal)
    })
    const parsed = embeddings.safeParse(raw)
    if (!parsed.success) throw unreadable(at, parsed.error)
    const vectors = parsed.data.data.toSorted((a, b) => a.index - b.index).map((one) => unit(one.embedding))
    const dims = new Set(vectors.map((one) => one.length))
    if (vectors.length !== texts.length || dims.size !== 1) {
      throw unreadable(at, new Error(`${vectors.length} vectors of ${dims.size} lengths for ${texts.length} texts`))
    }
    return vectors
  }

  async function embed(texts: string[], signal?: AbortSignal): Promise<number[][]> {
    const all: number[][] = []
    for (let from = 0; from < texts.length; from += BATCH) {
      all.push(...(await batch(texts.slice(from, from + BATCH), signal)))
    }
    return all
  }
  return { model: nameOf(at), embed }
}

function unit(values: number[]): number[] {
  const norm = Math.hypot(...values)
  return norm === 0 ? values : values.map((value) => value / norm)
}
