/**
 * Resolve: which model answers, decided once at boot and explained in one sentence. What the owner set wins; a model
 * nobody chose is never paid for; without any there is the offline responder, and it says so.
 */
import { Misconfigured } from "../../base/errors.ts"
import type { ModelIdentity } from "../model.ts"
import { type Endpoint, OFFLINE, type RemoteEndpoint } from "./endpoint.ts"
import { LOCAL_ADDRESSES, type LocalAddress, type LocalServer, listModels, probeLocal } from "./probe.ts"
import { factsOf, providerAt } from "./providers.ts"

export interface ModelSettings {
  /** `OPENAI_API_KEY` */
  apiKey?: string | undefined
  /** `OPENAI_BASE_URL`, ends before `/chat/completions` */
  baseUrl?: string | undefined
  /** `VIGIL_MODEL`; `offline` forces offline */
  model?: string | undefined
  /** `VIGIL_EMBEDDING_MODEL` */
  embeddingModel?: string | undefined
  /** `VIGIL_TRANSCRIPTION_MODEL`: a model at the same endpoint */
  transcriptionModel?: string | undefined
  /** `VIGIL_IMAGES`: whether the first choice takes pictures, where what is known of it is wrong */
  images?: boolean | undefined
  /** `VIGIL_FALLBACK_MODELS`: names at the same endpoint, or `offline` */
  fallbacks: string[]
  /** Our own port, which is not probed. */
  ownPort: number
  /** False for `VIGIL_PROBE_LOCAL=0`. */
  probe: boolean
}

export interface Resolution {
  identity: ModelIdentity
  /** The first choice and its fallbacks, in order; never empty. */
  endpoints: Endpoint[]
  embedding?: RemoteEndpoint
  /** Where recordings become text. */
  transcription?: RemoteEndpoint
}

const OPENAI_URL = "https://api.openai.com/v1"
/** A current small model of OpenAI's, and priced by the list in use. */
export const DEFAULT_MODEL = "gpt-6-luna"
/** Servers that ask for no key still get the header. */
const NO_KEY = "none"
const LIST_TIMEOUT_MS = 3_000

/** @throws Misconfigured when what was set cannot work as it stands */
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
  // Only a server of one's own is asked which model it has: picking from a shop's list would spend someone's money.
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
    throw new Misconfigured(`VIGIL_MODEL is ${model}, but nothing says where that model is`, {
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
    ...seen(server, model),
  })
  const first = at(settings.model ?? chat[0] ?? "")
  const embeds = settings.embeddingModel ?? embedding[0]
  const because = `found on this machine (${provider} at ${new URL(baseUrl).host})`
  const found = remote({ ...settings, embeddingModel: undefined }, first, because)
  return embeds === undefined ? found : { ...found, embedding: at(embeds) }
}

/** What the server itself said of the model; one that it said nothing of is tried. */
function seen({ seeing }: LocalServer, model: string): { sees?: boolean } {
  const said = seeing?.get(model)
  return said === undefined ? {} : { sees: said }
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

/** Loopback, private ranges (RFC 1918, RFC 4193) and names without a dot or under `.local` and `.internal`. */
function isPrivate(hostname: string): boolean {
  return /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]|\[f[cd])|^[^.:]+$|\.(local|internal)$/.test(
    hostname,
  )
}
