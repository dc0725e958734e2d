/**
 * Client: the `Model` that the rest of Vigil asks. It goes on to the next model of the list only when one is away, busy,
 * out of credit or unknown to its server. A refused request, a prompt that is too long and a cancellation end the call at
 * once, because the next model would get the same request. The client never turns a failure into an answer.
 */

import { createCircuitBreaker } from "../base/circuit-breaker.ts"
import type { Clock } from "../base/clock.ts"
import { codeOf, Misconfigured, Reject, Retry } from "../base/errors.ts"
import { createSdk, type SdkLimits } from "./dialects/sdk.ts"
import type { Model, ModelRequest, ModelResult } from "./model.ts"
import { loadPrices, type PriceList } from "./prices.ts"
import { createRemote } from "./remote.ts"
import { type Endpoint, isRemote, mayShow, nameOf, OFFLINE, type RemoteEndpoint } from "./servers/endpoint.ts"
import type { Resolution } from "./servers/resolve.ts"
import { createTokenMeter } from "./tokens.ts"

export interface ModelDeps {
  clock: Clock
  /** Gets a warning whenever a model fails and another one may be asked. */
  log?: { warn(fields: Record<string, unknown>, event: string): void }
  limits?: Partial<SdkLimits>
}

/** Failures in a row after which a model is left alone for `REST_MS`, so that its fallback answers without delay. */
const FAILURES = 3
const REST_MS = 30_000
/** Factor for the tokens that the estimate of a prompt may miss. */
const PROMPT_MARGIN = 1.2
/** Codes of refusals that say nothing against the request, so that the next model may take it. */
const ELSEWHERE = new Set(["model_auth", "quota", "model_unknown"])

/** Makes the model from what `resolveModel` found. */
export async function createModel(resolution: Resolution, deps: ModelDeps): Promise<Model> {
  const { identity, endpoints } = resolution
  // An offline installation loads neither the SDK nor the price list.
  const prices: PriceList = endpoints.some(isRemote) ? await loadPrices() : { cost: () => null }
  const remote = createRemote({ sdk: createSdk(deps.limits), prices })
  const breaker = createCircuitBreaker({ clock: deps.clock, failures: FAILURES, pauseMs: () => REST_MS })
  const meter = createTokenMeter()

  async function answer(endpoint: Endpoint, request: ModelRequest): Promise<ModelResult> {
    if (!isRemote(endpoint)) {
      const { answerOffline } = await import("./offline/offline.ts")
      return answerOffline(request, deps.clock.now())
    }
    const result = await remote(endpoint, request)
    meter.learn(nameOf(endpoint), request, result.usage.input)
    return result
  }

  async function attempt(endpoint: Endpoint, request: ModelRequest): Promise<ModelResult> {
    const name = nameOf(endpoint)
    const restMs = breaker.admit(name)
    if (restMs > 0)
      throw new Retry(`${name} failed several times and is left alone for now`, { code: "resting", afterMs: restMs })
    try {
      const result = await answer(endpoint, request)
      breaker.answered(name)
      return result
    } catch (error) {
      if (error instanceof Retry) breaker.failed(name)
      throw error
    }
  }

  async function ask(request: ModelRequest): Promise<ModelResult> {
    const failures: unknown[] = []
    const list = candidates(endpoints, request)
    for (const endpoint of list) {
      request.signal?.throwIfAborted()
      try {
        return await attempt(endpoint, request)
      } catch (error) {
        if (!mayGoOn(error)) throw error
        failures.push(error)
        deps.log?.warn(
          { model: nameOf(endpoint), code: codeOf(error), left: list.length - failures.length },
          "model_failed",
        )
      }
    }
    throw summary(failures)
  }

  function estimate(request: ModelRequest): number | null {
    const costs = candidates(endpoints, request).map((endpoint) => {
      if (!isRemote(endpoint)) return 0
      const input = Math.ceil(meter.prompt(nameOf(endpoint), request) * PROMPT_MARGIN)
      // A prompt that is written to the provider's cache costs more, so the estimate assumes that all of it is.
      const usage = { input, cached: 0, cacheWrite: input, output: request.maxOutput }
      return prices.cost(endpoint, usage)
    })
    const [first = null] = costs
    return first === null ? null : Math.max(...costs.map((cost) => cost ?? 0))
  }

  const offline = endpoints.every((endpoint) => !isRemote(endpoint))
  function sees(wanted?: string): boolean {
    const first = wanted === undefined ? endpoints[0] : chosen(endpoints, wanted)
    return first !== undefined && isRemote(first) && mayShow(first)
  }
  return { identity, offline, ask, estimate, tokens: (text) => meter.tokens(nameOf(identity), text), sees }
}

/**
 * The models to ask for one request, in order, each once. The offline rules cannot fill a schema, so they are no fallback
 * for one.
 */
function candidates(endpoints: readonly Endpoint[], request: ModelRequest): Endpoint[] {
  const wanted = request.model === undefined ? endpoints : [chosen(endpoints, request.model), ...endpoints]
  const list = [...new Map(wanted.map((endpoint) => [nameOf(endpoint), endpoint])).values()]
  if (request.model === "offline") return [OFFLINE]
  return request.schema === undefined ? list : list.filter((endpoint, at) => at === 0 || isRemote(endpoint))
}

function chosen(endpoints: readonly Endpoint[], model: string): Endpoint {
  if (model === "offline" || model === OFFLINE.model) return OFFLINE
  const remotes = endpoints.filter(isRemote)
  const known = remotes.find((endpoint) => endpoint.model === model || nameOf(endpoint) === model)
  const first: RemoteEndpoint | undefined = remotes[0]
  if (known !== undefined) return known
  if (first !== undefined) return { ...first, model }
  throw new Misconfigured(`the model ${model} was asked for, but Vigil is offline`, {
    fix: "set OPENAI_API_KEY or OPENAI_BASE_URL, or choose: /model offline",
  })
}

function mayGoOn(error: unknown): boolean {
  return error instanceof Retry || (error instanceof Reject && ELSEWHERE.has(error.code))
}

/**
 * One error for all failures: `Retry` after the shortest pause when any of them may pass, else the error of the first
 * model.
 */
function summary(failures: unknown[]): unknown {
  const [first, ...others] = failures
  if (others.length === 0) return first
  const passing = failures.filter((error) => error instanceof Retry)
  if (passing.length === 0) return first
  const pauses = passing.flatMap((error) => error.afterMs ?? [])
  const after = pauses.length === passing.length ? { afterMs: Math.min(...pauses) } : {}
  const messages = failures.map((error) => (error instanceof Error ? error.message : String(error))).join("; ")
  return new Retry(`no model answered: ${messages}`, { ...after, cause: new AggregateError(failures) })
}
