/**
 * Remote: one request to one model over the network, in the dialect that the model speaks, with the cost of the answer.
 * A refusal that teaches a limit of the model (`learned-limits.ts`) leads to another attempt within that limit; no other
 * refusal is repeated.
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
/** Limits learned in one request. One refusal can hide another; a server that refuses more often will refuse everything. */
const LESSONS_PER_ASK = 3

/** Whether the error may teach a limit. Status 400 and 422 may; a refusal of pictures comes with any status. */
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

/** Throws `Retry`, `Reject`, `Limit("context")` as `failure.ts` makes them, or the reason of an abort. */
export type AskRemote = (endpoint: RemoteEndpoint, request: ModelRequest) => Promise<ModelResult>

export function createRemote(deps: { sdk: Sdk; prices: PriceList }): AskRemote {
  const limits = createLimitBook()

  async function once(endpoint: RemoteEndpoint, request: ModelRequest, learned: LearnedLimits): Promise<DialectAnswer> {
    const { dialect = endpoint.dialect, plainReasoning = false, outputCap, answers, sees = mayShow(endpoint) } = learned
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
        request = retried(pair, request, error)
      }
    }
  }

  /** The request for the next attempt; throws an error that teaches nothing. */
  function retried(pair: string, request: ModelRequest, error: unknown): ModelRequest {
    if (!isRefusal(error, request)) throw error
    if (limits.learn(pair, error.message)) return request
    // One broken picture must not prevent the answer to the person's words.
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
