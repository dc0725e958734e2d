/** Stores: the model in use, and the stores of the agent: memory, media, automations, digests. */
import { createDigest } from "../digest/digest.ts"
import { createMemory } from "../memory/store.ts"
import { createModel } from "../model/client.ts"
import { createEmbedder } from "../model/embed.ts"
import type { Embedder, Model, Transcriber } from "../model/model.ts"
import { redactModel, redactTranscriber } from "../model/redact.ts"
import { resolveModel } from "../model/servers/resolve.ts"
import { createTranscriber } from "../model/transcribe.ts"
import { createAutomations } from "../schedule/automations/automations.ts"
import type { Infrastructure } from "./infrastructure.ts"

export async function openModel({
  config,
  clock,
  log,
  scrubber,
}: Infrastructure): Promise<{ model: Model; embedder: Embedder | undefined; transcriber: Transcriber | undefined }> {
  const resolution = await resolveModel({
    apiKey: config.OPENAI_API_KEY,
    baseUrl: config.OPENAI_BASE_URL,
    model: config.VIGIL_MODEL,
    embeddingModel: config.VIGIL_EMBEDDING_MODEL,
    transcriptionModel: config.VIGIL_TRANSCRIPTION_MODEL,
    images: config.VIGIL_IMAGES,
    fallbacks: config.VIGIL_FALLBACK_MODELS,
    ownPort: config.PORT,
    probe: config.VIGIL_PROBE_LOCAL,
  })
  const found = await createModel(resolution, { clock, log: { warn: (fields, event) => log.warn(event, fields) } })
  const model = redactModel(found, (text) => scrubber.scrub(text))
  const opened = await createTranscriber(resolution.transcription)
  const transcriber = opened && redactTranscriber(opened, (text) => scrubber.scrub(text))
  return { model, embedder: createEmbedder(resolution.embedding), transcriber }
}

/** Memory, media, automations and digests. Without an embedder memory recalls by words alone. */
export function openStores(infrastructure: Infrastructure, embedder: Embedder | undefined) {
  const { db, queue, clock, log, media } = infrastructure
  const memory = createMemory({ db, queue, clock, log, ...(embedder ? { embedder } : {}) })
  return { memory, media, automations: createAutomations({ db, clock }), digests: createDigest({ db, clock }) }
}

export type Stores = ReturnType<typeof openStores>
