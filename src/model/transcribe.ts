/**
 * Transcribe: turns a recording into words at an OpenAI-compatible endpoint. The bytes go to the endpoint that the owner
 * chose and nowhere else. A price that is unknown is null, never 0.
 */
import type { OpenAI } from "openai"
import { z } from "zod"
import { unreadable } from "./dialects/dialect.ts"
import { createSdk, type Sdk, type SdkLimits } from "./dialects/sdk.ts"
import { modelFailure } from "./failure.ts"
import type { Recording, Transcriber } from "./model.ts"
import { type AudioPrices, type AudioUsage, loadAudioPrices } from "./prices.ts"
import type { RemoteEndpoint } from "./servers/endpoint.ts"

/** Bytes per second of the most compressed recording, for the longest time that a file of a known size can play. */
const LEAST_BYTES_PER_SECOND = 600
/** Tokens per second of sound and of words, rounded up from OpenAI's two prices for a minute. */
const SOUND_TOKENS = 25
const WORD_TOKENS = 10

const count = z.number().nonnegative().catch(0)
const answer = z.looseObject({
  text: z.string(),
  usage: z
    .looseObject({
      type: z.string().optional(),
      seconds: z.number().nonnegative().optional().catch(undefined),
      input_tokens: count,
      output_tokens: count,
      input_token_details: z.looseObject({ audio_tokens: count }).nullish().catch(null),
    })
    .nullish()
    .catch(null),
})
type Usage = z.infer<typeof answer>["usage"]

/** The file ending for each type; servers read the format from the file name. */
const ENDINGS: Readonly<Record<string, string>> = {
  "audio/ogg": "ogg",
  "audio/mpeg": "mp3",
  "audio/mp4": "m4a",
  "audio/wav": "wav",
  "audio/webm": "webm",
  "audio/flac": "flac",
}
/** Whether a recording of this MIME type can be transcribed. Source: OpenAI, "Speech to text", supported formats. */
export const isTranscribable = (type: string): boolean => type in ENDINGS

/** The transcriber at `endpoint` (from `resolveModel`); undefined without an endpoint, and then nothing is transcribed. */
export async function createTranscriber(
  endpoint: RemoteEndpoint | undefined,
  deps: { limits?: Partial<SdkLimits> } = {},
): Promise<Transcriber | undefined> {
  return endpoint === undefined ? undefined : transcriberAt(endpoint, createSdk(deps.limits), await loadAudioPrices())
}

function transcriberAt(at: RemoteEndpoint, sdk: Sdk, prices: AudioPrices): Transcriber {
  return {
    model: at.model,
    async transcribe(recording, signal) {
      const raw = await requested(at, await sdk(at), recording, signal)
      const parsed = answer.safeParse(raw)
      if (!parsed.success) throw unreadable(at, parsed.error)
      const { text, usage } = parsed.data
      return {
        text: text.trim(),
        usage: { input: usage?.input_tokens ?? 0, cached: 0, output: usage?.output_tokens ?? 0 },
        cost: prices.cost(at, metered(usage, recording.seconds)),
        provider: at.provider,
        model: at.model,
      }
    },
    estimate({ size, seconds }) {
      const longest = seconds ?? size / LEAST_BYTES_PER_SECOND
      const sound = Math.ceil(longest * SOUND_TOKENS)
      return prices.cost(at, { seconds: longest, input: sound, audio: sound, output: Math.ceil(longest * WORD_TOKENS) })
    },
  }
}

async function requested(at: RemoteEndpoint, client: OpenAI, { bytes, type }: Recording, signal?: AbortSignal) {
  const file = new File([new Uint8Array(bytes)], `recording.${ENDINGS[type] ?? "bin"}`, { type })
  const options = signal === undefined ? {} : { signal }
  try {
    return await client.audio.transcriptions.create({ file, model: at.model, response_format: "json" }, options)
  } catch (error) {
    throw await modelFailure(error, at, signal)
  }
}

/** The usage that the server reports, else the length that the sender's program gave. */
function metered(usage: Usage, given: number | undefined): AudioUsage {
  const seconds = usage?.seconds ?? (usage?.input_tokens ? undefined : given)
  const tokens = { input: usage?.input_tokens ?? 0, output: usage?.output_tokens ?? 0 }
  const audio = usage?.input_token_details?.audio_tokens ?? tokens.input
  return { ...tokens, audio, ...(seconds === undefined ? {} : { seconds }) }
}
