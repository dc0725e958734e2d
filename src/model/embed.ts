/**
 * Embed: turns texts into unit vectors at an OpenAI-compatible endpoint. A vector never leaves without the name of its
 * vector space. An answer with too few vectors, or with vectors of different lengths, is refused, because it would give a
 * memory the vector of another one.
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
/** Characters of one text; the rest is cut off, because servers refuse more than about 8,000 tokens. */
const MAX_CHARS = 24_000

/**
 * One vector: a typed array, which the SDK decodes from base64, or plain numbers from a server that ignores the encoding.
 */
const vector = z
  .union([z.array(z.number()), z.instanceof(Float32Array)])
  .transform((values) => Array.from(values))
  .refine((values) => values.length > 0 && values.every(Number.isFinite))
const embeddings = z.object({ data: z.array(z.object({ index: z.number().int(), embedding: vector })) })

/**
 * The embedder at `endpoint` (from `resolveModel`); undefined without an endpoint, and then memory is searched by words
 * alone.
 */
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
      // The SDK requests base64 by default; some servers know only plain numbers.
      if (plain || !(error instanceof Reject) || !/encoding|base64/i.test(error.message)) throw error
      plain = true
      return request(input, signal)
    })
    const parsed = embeddings.safeParse(raw)
    if (!parsed.success) throw unreadable(at, parsed.error)
    const vectors = parsed.data.data.toSorted((a, b) => a.index - b.index).map((row) => unit(row.embedding))
    const dims = new Set(vectors.map((made) => made.length))
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
