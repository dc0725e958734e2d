/**
 * Resolve: decides once at boot which model answers, and says why in one sentence. The owner's settings win. A model that
 * the owner did not choose is never paid for. Without any model the offline responder answers, and it says that it is one.
 */
import { Misconfigured } from "../../base/errors.ts"
import type { ModelIdentity } from "../model.ts"
import { type Endpoint, OFFLINE, type RemoteEndpoint } from "./endpoint.ts"
import { LOCAL_ADDRESSES, type LocalAddress, type LocalServer, listModels, probeLocal } from "./probe.ts"
import { factsOf, providerAt } from "./providers.ts"

export interface ModelSettings {
  /** `OPENAI_API_KEY` */
  apiKey?: string | undefined
  /** `OPENAI_BASE_URL`: the address up to `/chat/completions` */
  baseUrl?: string | undefined
  /** `VIGIL_MODEL`; `offline` means no language model */
  model?: string | undefined
  /** `VIGIL_EMBEDDING_MODEL` */
  embeddingModel?: string | undefined
  /** `VIGIL_TRANSCRIPTION_MODEL`: a model at the same endpoint */
  transcriptionModel?: string | undefined
  /** `VIGIL_IMAGES`: whether the first model takes pictures; overrides what the provider's facts or the server say */
  images?: boolean | undefined
  /** `VIGIL_FALLBACK_MODELS`: names at the same endpoint, or `offline` */
  fallbacks: string[]
  /** Vigil's own port, which the probe leaves out. */
  ownPort: number
  /** Whether to look for a server on this machine; false for `VIGIL_PROBE_LOCAL=0`. */
  probe: boolean
}

export interface Resolution {
  identity: ModelIdentity
  /** The first model and its fallbacks, in order; never empty. */
  endpoints: Endpoint[]
  embedding?: RemoteEndpoint
  /** The model that transcribes recordings. */
  transcription?: RemoteEndpoint
}

const OPENAI_URL = "https://api.openai.com/v1"
/** A current small model of OpenAI that the price list knows. */
export const DEFAULT_MODEL = "gpt-6-luna"
/** The key for servers that need none: the SDK sends the header in any case. */
const NO_KEY = "none"
const LIST_TIMEOUT_MS = 3_000

/** Resolves the settings to models. @throws Misconfigured when the settings cannot work */
export async function resolveModel(
  settings: ModelSettings,
  deps: { addresses?: readonly LocalAddress[] } = {},
): Promise<Resolution> {
  if (isOffline(settings.model)) return offline("VIGIL_MODEL is offline")
  if (settings.baseUrl !== undefined) return await atBaseUrl(settings, cleanUrl(settings.baseUrl))
  if (settings.apiKey !== undefined) {
    const model = settings.model ?? DEFAULT_MODEL
    return remote(settings, endpointAt(OPENAI_URL, settings.apiKey, model), "OPENAI_API_KEY is set")
  }
  return await onThisMachine(settings, deps.addresses ?? LOCAL_ADDRESSES)
}

async function atBaseUrl(settings: ModelSettings, baseUrl: string): Promise<Resolution> {
  const key = settings.apiKey ?? NO_KEY
  const because = settings.model === undefined ? "OPENAI_BASE_URL is set" : "OPENAI_BASE_URL and VIGIL_MODEL are set"
  if (settings.model !== undefined) return remote(settings, endpointAt(baseUrl, key, settings.model), because)
  if (providerAt(baseUrl) === "openai") return remote(settings, endpointAt(baseUrl, key, DEFAULT_MODEL), because)
  // Only a server in the owner's own network is asked for its models. A choice from a paid provider's list would spend
  // the owner's money.
  const own = isPrivate(new URL(baseUrl).hostname) ? await listModels(baseUrl, key, LIST_TIMEOUT_MS) : undefined
  const model = own?.chat[0]
  if (model === undefined) {
    throw new Misconfigured(`OPENAI_BASE_URL is set to ${baseUrl}, but no model is chosen there`, {
      fix: "set VIGIL_MODEL to the name of a model at that address, or VIGIL_MODEL=offline",
    })
  }
  return remote(settings, endpointAt(baseUrl, key, model), because)
}

async function onThisMachine(settings: ModelSettings, addresses: readonly LocalAddress[]): Promise<Resolution> {
  const servers = settings.probe ? await probeLocal({ ownPort: settings.ownPort, addresses }) : []
  const { model } = settings
  const server = servers.find(({ chat }) => (model === undefined ? chat.length > 0 : chat.includes(model)))
  if (server !== undefined) return local(settings, server)
  if (model !== undefined) {
    throw new Misconfigured(`VIGIL_MODEL is ${model}, but no setting says where that model runs`, {
      fix: "set OPENAI_API_KEY, or OPENAI_BASE_URL for another server, or VIGIL_MODEL=offline",
    })
  }
  const looked = addresses.map(({ origin }) => new URL(origin).host).join(", ")
  return offline(
    settings.probe ? `no OPENAI_API_KEY or OPENAI_BASE_URL, and no model server at ${looked}` : "no model is set",
  )
}

function local(settings: ModelSettings, server: LocalServer): Resolution {
  const { provider, baseUrl, chat, embedding } = server
  const at = (model: string): RemoteEndpoint => ({
    provider,
    model,
    baseUrl,
    apiKey: NO_KEY,
    dialect: factsOf(provider).dialect,
    ...sightOf(server, model),
  })
  const first = at(settings.model ?? chat[0] ?? "")
  const embeds = settings.embeddingModel ?? embedding[0]
  const because = `found on this machine (${provider} at ${new URL(baseUrl).host})`
  const found = remote({ ...settings, embeddingModel: undefined }, first, because)
  return embeds === undefined ? found : { ...found, embedding: at(embeds) }
}

/** Whether the model takes pictures, as the server itself said; empty when it did not say, and then the model is tried. */
function sightOf({ seeing }: LocalServer, model: string): { sees?: boolean } {
  const sees = seeing?.get(model)
  return sees === undefined ? {} : { sees }
}

function remote(settings: ModelSettings, first: RemoteEndpoint, because: string): Resolution {
  const { sees: _, ...elsewhere } = first
  const fallbacks = settings.fallbacks.map((model): Endpoint => (isOffline(model) ? OFFLINE : { ...elsewhere, model }))
  const { provider, model, baseUrl } = first
  const chosen = settings.images === undefined ? first : { ...first, sees: settings.images }
  const hears = settings.transcriptionModel ?? factsOf(provider).hears
  const transcription = hears === undefined ? {} : { transcription: { ...elsewhere, model: hears } }
  const embedding =
    settings.embeddingModel === undefined ? {} : { embedding: { ...first, model: settings.embeddingModel } }
  return {
    identity: { provider, model, baseUrl, because },
    endpoints: [chosen, ...fallbacks],
    ...embedding,
    ...transcription,
  }
}

function offline(because: string): Resolution {
  return { identity: { ...OFFLINE, because }, endpoints: [OFFLINE] }
}

function endpointAt(baseUrl: string, apiKey: string, model: string): RemoteEndpoint {
  const provider = providerAt(baseUrl)
  return { provider, model, baseUrl, apiKey, dialect: factsOf(provider).dialect }
}

function cleanUrl(given: string): string {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Misconfigured(`OPENAI_BASE_URL is not an http address: ${given}`, {
      fix: "set it like https://openrouter.ai/api/v1 or http://127.0.0.1:11434/v1",
    })
  }
  return given.replace(/\/+$/, "")
}

function isOffline(model: string | undefined): boolean {
  return model === OFFLINE.provider || model === OFFLINE.model
}

/**
 * Whether a host is loopback, in a private range (RFC 1918, RFC 4193), a name without a dot, or under `.local` or
 * `.internal`.
 */
function isPrivate(hostname: string): boolean {
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])|^[^.:]+$|\.(local|internal)$/.test(
    hostname,
  )
}
