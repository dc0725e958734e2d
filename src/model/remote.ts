/**
 * Remote: one question to one model over the network, in the dialect it speaks, priced. A refusal that teaches how to
 * ask (`learned-limits.ts`) is answered by asking once more in that way.
 */
import { Reject, Retry } from "../base/errors.ts"
import { picturesOf, withoutPictures } from "./attached.ts"
import { askChat } from "./dialects/chat.ts"
import type { DialectAnswer } from "./dialects/dialect.ts"
import { askResponses } from "./dialects/responses.ts"
import type { Sdk } from "./dialects/sdk.ts"
import { modelFailure } from "./failure.ts"
import type { ModelRequest, ModelResult } from "./model.ts"
import type { PriceList } from "./prices.ts"
import { mayShow, type RemoteEndpoint } from "./servers/endpoint.ts"
import { createLimitBook, type LearnedLimits } from "./servers/learned-limits.ts"
import { factsOf } from "./servers/providers.ts"

const DIALECTS = { responses: askResponses, chat: askChat } as const
/** One refusal may hide another; more lessons than this in one question mean the server refuses for sport. */
const LESSONS_PER_ASK = 3

/** What may teach something. That a model cannot see, servers say with any status. */
function isRefusal(error: unknown, request: ModelRequest): error is Reject | Retry {
  if (error instanceof Reject && (error.status === 400 || error.status === 422)) return true
  return (error instanceof Reject || error instanceof Retry) && showsPictures(request) && /image/i.test(error.message)
}

function showsPictures({ messages }: ModelRequest): boolean {
  return messages.some((message) => message.role === "user" && picturesOf(message, true).length > 0)
}

function blindfolded(request: ModelRequest): ModelRequest {
  const messages = request.messages.map((message) => (message.role === "user" ? withoutPictures(message) : message))
  return { ...request, messages }
}

export type AskRemote = (endpoint: RemoteEndpoint, request: ModelRequest) => Promise<ModelResult>

export function createRemote(deps: { sdk: Sdk; prices: PriceList }): AskRemote {
  const limits = createLimitBook()

  async function once(endpoint: RemoteEndpoint, request: ModelRequest, learnt: LearnedLimits): Promise<DialectAnswer> {
    const { dialect = endpoint.dialect, plainReasoning = false, outputCap, answers, sees = mayShow(endpoint) } = learnt
    const given = factsOf(endpoint.provider)
    const facts = { ...given, outputCap: outputCap ?? given.outputCap, answers: answers ?? given.answers }
    const client = await deps.sdk(endpoint)
    try {
      return await DIALECTS[dialect]({ client, endpoint, facts, plainReasoning, sees, request })
    } catch (error) {
      throw await modelFailure(error, endpoint, request.signal)
    }
  }

  async function ask(endpoint: RemoteEndpoint, given: ModelRequest): Promise<ModelResult> {
    const pair = `${endpoint.baseUrl} ${endpoint.model}`
    let request = given
    for (let lessons = 0; ; lessons += 1) {
      request.signal?.throwIfAborted()
      try {
        return priced(endpoint, await once(endpoint, request, limits.of(pair)))
      } catch (error) {
        if (lessons >= LESSONS_PER_ASK) throw error
        request = again(pair, request, error)
      }
    }
  }

  /** What to ask instead; throws the failure that teaches nothing. */
  function again(pair: string, request: ModelRequest, error: unknown): ModelRequest {
    if (!isRefusal(error, request)) throw error
    if (limits.learn(pair, error.message)) return request
    // One broken picture must not cost the person the answer to their words.
    if (showsPictures(request) && /image|picture/i.test(error.message)) return blindfolded(request)
    throw error
  }

  function priced(endpoint: RemoteEndpoint, answer: DialectAnswer): ModelResult {
    const { provider, model } = endpoint
    const { billed, state, usage, ...rest } = answer
    const { cacheWrite: _, ...counted } = usage
    const cost = billed ?? deps.prices.cost(endpoint, usage)
    const carried = state === undefined ? {} : { state: { provider, model, data: state } }
    return { ...rest, usage: counted, cost, provider, model, ...carried }
  }
  return ask
}
