/**
 * Probe: finds the model servers that already run on this machine. It asks loopback addresses for their list of models,
 * with a short timeout each. It downloads nothing and starts nothing. A server that does not answer like a model server
 * is left out.
 */
import { z } from "zod"
import { createGuardedFetch } from "./guarded-fetch.ts"

export interface LocalAddress {
  provider: "ollama" | "lmstudio" | "llama.cpp" | "vllm"
  /** Without a trailing slash: `http://127.0.0.1:11434`. */
  origin: string
}

/** The default addresses of these servers. */
export const LOCAL_ADDRESSES: readonly LocalAddress[] = [
  { provider: "ollama", origin: "http://127.0.0.1:11434" },
  { provider: "lmstudio", origin: "http://127.0.0.1:1234" },
  { provider: "llama.cpp", origin: "http://127.0.0.1:8080" },
  { provider: "vllm", origin: "http://127.0.0.1:8000" },
]

export interface LocalServer {
  provider: LocalAddress["provider"]
  baseUrl: string
  /** Chat models; the ones that say they call tools come first. */
  chat: string[]
  embedding: string[]
  /** Whether a model takes pictures, for each model of which the server says so. */
  seeing?: ReadonlyMap<string, boolean>
}

const TIMEOUT_MS = 1000
const MAX_BYTES = 1024 * 1024
/** Models whose abilities are looked up. */
const MAX_LOOKUPS = 8
const EMBEDS = /embed|(^|[/_-])(bge|e5|gte|minilm|mxbai)([-_:]|$)|all-minilm/i
const NO_CHAT = /rerank|whisper|(^|[/_-])tts([-_:]|$)|clip([-_:]|$)/i

const tags = z.object({ models: z.array(z.looseObject({ name: z.string() })) })
const models = z.object({ data: z.array(z.looseObject({ id: z.string() })) })
const abilities = z.object({ capabilities: z.array(z.string()) })

/** Every local server that answered and has a model, in the order of `addresses`. Never throws. */
export async function probeLocal(
  options: { ownPort?: number; addresses?: readonly LocalAddress[] } = {},
): Promise<LocalServer[]> {
  const { ownPort, addresses = LOCAL_ADDRESSES } = options
  const others = addresses.filter(({ origin }) => ownPort === undefined || new URL(origin).port !== String(ownPort))
  const found = await Promise.all(others.map(askServer))
  return found.filter((server) => server !== undefined)
}

/** The models that a server lists at `<baseUrl>/models`, by kind; undefined when it gives no such list. Never throws. */
export async function listModels(
  baseUrl: string,
  apiKey?: string,
  timeoutMs = TIMEOUT_MS,
): Promise<Pick<LocalServer, "chat" | "embedding"> | undefined> {
  const headers: Record<string, string> = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const list = models.safeParse(await getJson(`${baseUrl}/models`, { headers }, timeoutMs)).data
  return list === undefined ? undefined : sorted(list.data.map((model) => model.id))
}

async function askServer({ provider, origin }: LocalAddress): Promise<LocalServer | undefined> {
  const baseUrl = `${origin}/v1`
  const found = provider === "ollama" ? await listOllama(origin) : await listModels(baseUrl)
  if (found === undefined || found.chat.length + found.embedding.length === 0) return undefined
  return { provider, baseUrl, ...found }
}

async function listOllama(origin: string): Promise<Pick<LocalServer, "chat" | "embedding" | "seeing"> | undefined> {
  const list = tags.safeParse(await getJson(`${origin}/api/tags`)).data
  if (list === undefined) return undefined
  const { chat, embedding } = sorted(list.models.map((model) => model.name))
  const known = await Promise.all(chat.slice(0, MAX_LOOKUPS).map((model) => abilitiesOf(origin, model)))
  // A model that says it calls no tools would refuse every turn, so it is left out. A model that says nothing may call them.
  const able = chat.filter((_, at) => known[at]?.includes("tools"))
  const silent = chat.filter((_, at) => known[at] === undefined)
  const seeing = chat.flatMap((model, at) =>
    known[at] === undefined ? [] : [[model, known[at].includes("vision")] as const],
  )
  return { chat: [...able, ...silent], embedding, seeing: new Map(seeing) }
}

async function abilitiesOf(origin: string, model: string): Promise<string[] | undefined> {
  const init = { method: "POST", body: JSON.stringify({ model }), headers: { "content-type": "application/json" } }
  return abilities.safeParse(await getJson(`${origin}/api/show`, init)).data?.capabilities
}

function sorted(names: string[]): Pick<LocalServer, "chat" | "embedding"> {
  return {
    chat: names.filter((name) => !EMBEDS.test(name) && !NO_CHAT.test(name)),
    embedding: names.filter((name) => EMBEDS.test(name) && !NO_CHAT.test(name)),
  }
}

const send = createGuardedFetch({ maxBytes: MAX_BYTES, patienceMs: 0 })

/**
 * The JSON at `url`; undefined for a timeout, a refusal and any body that is not JSON, because no model server answers
 * so.
 */
async function getJson(url: string, init: RequestInit = {}, timeoutMs = TIMEOUT_MS): Promise<unknown> {
  try {
    const response = await send(url, { ...init, redirect: "error", signal: AbortSignal.timeout(timeoutMs) })
    return response.ok ? await response.json() : undefined
  } catch {
    return undefined
  }
}
