/**
 * GitHub calls: GitHub's REST API, over Octokit, with our errors. Calls are authorized by a token or as an app, and stay within
 * GitHub's rate limits. A call is repeated a few times at most, and a change whose answer was lost is never repeated here,
 * because it may have happened. The packages are loaded with the first call.
 */
import type { Octokit } from "@octokit/core"
import { z } from "zod"
import { createBoundedFetch, forRead, networkFailure } from "../../base/bounded-fetch.ts"
import { type CircuitBreaker, createCircuitBreaker } from "../../base/circuit-breaker.ts"
import { type Clock, systemClock } from "../../base/clock.ts"
import { Misconfigured, messageOf, Reject, Retry, Uncertain } from "../../base/errors.ts"

export interface GitHubSettings {
  /** A fine-grained token. Either the token or both values of the app must be set. */
  token?: string
  appId?: string
  /** PEM. A backslash with an `n` is read as a line break. */
  appPrivateKey?: string
  /** Base address of the API; the public one when absent. */
  apiUrl?: string
  /** The secret of the webhook. Without it the route must not be mounted. */
  webhookSecret?: string
  /** The repositories that Vigil looks after, as `owner/name`. */
  repos: string[]
}

export interface GitHubDeps {
  /** False only in tests, which would wait in real time for the pauses between writes. */
  throttle?: boolean
  clock?: Clock
}

export interface GitHubCalls {
  /** Makes a reading call on a repository: a lost answer is `Retry`. */
  read<T>(repo: string, call: (octokit: Octokit) => Promise<T>): Promise<T>
  /** Makes a changing call on a repository: a lost answer is `Uncertain`. */
  write<T>(repo: string, call: (octokit: Octokit) => Promise<T>): Promise<T>
  /** Makes a reading call as ourselves: as the app, or as the token's user. */
  self<T>(call: (octokit: Octokit, isApp: boolean) => Promise<T>): Promise<T>
}

const CALL_TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 25_000_000
/** Failures in a row after which the circuit breaker leaves GitHub alone. */
const FAILURES = 3
const REST_MS = 30_000
/** The longest pause inside a call. The caller must make a longer one. */
const MAX_PAUSE_SECONDS = 10

/** Throws `Misconfigured` without credentials. */
export function createGitHubCalls(settings: GitHubSettings, deps: GitHubDeps = {}): GitHubCalls {
  const app = appOf(settings)
  if (settings.token === undefined && app === null) {
    throw new Misconfigured("GitHub has no credentials", {
      fix: "Set GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY.",
    })
  }
  const options = optionsOf(settings, deps)
  const opened = new Map<string, Promise<Octokit>>()
  const clock = deps.clock ?? systemClock
  const breaker = createCircuitBreaker({ clock, failures: FAILURES, pauseMs: () => REST_MS, obeys: true })

  /** Opens one client per key. After a failure the next call opens it anew. */
  function once(key: string, open: () => Promise<Octokit>): Promise<Octokit> {
    const known = opened.get(key)
    if (known !== undefined) return known
    const fresh = open()
    opened.set(key, fresh)
    fresh.catch(() => opened.delete(key))
    return fresh
  }

  const asSelf = () =>
    once("", async () => await open({ ...options, ...(app === null ? { auth: settings.token } : await appAuth(app)) }))

  async function asInstallation(repo: string): Promise<Octokit> {
    if (app === null) return await asSelf()
    const self = await asSelf()
    const { data } = await self.request("GET /repos/{owner}/{repo}/installation", nameParts(repo))
    return await open({ ...options, ...(await appAuth({ ...app, installationId: data.id })) })
  }

  /** Makes a call under a key: a repository of an installation, or `""` for ourselves. Throws `Retry` while the breaker is open. */
  async function guarded<T>(key: string, work: () => Promise<T>): Promise<T> {
    const restMs = breaker.admit(key)
    if (restMs > 0) throw new Retry("GitHub is left alone for a while", { code: "github_resting", afterMs: restMs })
    try {
      const answer = await work()
      breaker.answered(key)
      return answer
    } catch (error) {
      const known = githubError(error)
      note(breaker, key, known)
      // The app may have been installed anew, with another installation id.
      if (known instanceof Reject || known instanceof Misconfigured) opened.delete(key)
      throw known
    }
  }

  async function write<T>(repo: string, call: (octokit: Octokit) => Promise<T>): Promise<T> {
    if (app === null) return await guarded("", async () => await call(await asSelf()))
    const key = repo.toLowerCase()
    return await guarded(key, async () => await call(await once(key, () => asInstallation(repo))))
  }

  return {
    write,
    read: async (repo, call) => await write(repo, call).catch(rethrowForRead),
    self: async (call) => await guarded("", async () => await call(await asSelf(), app !== null)).catch(rethrowForRead),
  }
}

/** The owner and the name of `owner/name`. Throws `Reject` for any other text, because both become part of an address. */
export function nameParts(repo: string): { owner: string; repo: string } {
  const match = /^([\w-][\w.-]*)\/(?!\.+$)([\w.-]+)$/.exec(repo)
  if (match?.[1] === undefined || match[2] === undefined)
    throw new Reject(400, `"${repo}" is not a repository, written as owner/name`, { code: "bad_repo" })
  return { owner: match[1], repo: match[2] }
}

interface App {
  appId: string
  privateKey: string
  installationId?: number
}

function appOf({ appId, appPrivateKey }: GitHubSettings): App | null {
  if (appId === undefined || appPrivateKey === undefined) return null
  return { appId, privateKey: appPrivateKey.replaceAll("\\n", "\n") }
}

async function appAuth(auth: App) {
  const { createAppAuth } = await import("@octokit/auth-app")
  return { authStrategy: createAppAuth, auth }
}

function optionsOf(settings: GitHubSettings, deps: GitHubDeps) {
  const handler = (seconds: number, _options: unknown, _octokit: unknown, retries: number) =>
    retries < 1 && seconds <= MAX_PAUSE_SECONDS
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  return {
    ...(settings.apiUrl === undefined ? {} : { baseUrl: settings.apiUrl.replace(/\/+$/, "") }),
    userAgent: "vigil",
    log,
    throttle: deps.throttle === false ? { enabled: false } : { onRateLimit: handler, onSecondaryRateLimit: handler },
    // The throttling plugin handles rate limits: the retry plugin would not pause as long as GitHub asks.
    retry: { retries: 1, doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451] },
    request: { fetch: createBoundedFetch({ timeoutMs: CALL_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES }) },
  }
}

/** Codes of the errors that mean that GitHub is down or out of reach. */
const AWAY = new Set(["github_away", "unreachable", "timeout", "connection_lost"])

function note(breaker: CircuitBreaker, key: string, error: Error): void {
  if (error instanceof Retry && error.code === "rate_limited") breaker.failed(key, error.afterMs)
  else if ((error instanceof Retry || error instanceof Uncertain) && AWAY.has(error.code)) breaker.failed(key)
  else if (error instanceof Reject) breaker.answered(key)
}

/** Octokit's log, which would bypass ours. Octokit also throws every failure, so nothing is lost. */
const quiet = (): void => undefined

async function open(options: object): Promise<Octokit> {
  const [{ Octokit }, { throttling }, { retry }] = await Promise.all([
    import("@octokit/core"),
    import("@octokit/plugin-throttling"),
    import("@octokit/plugin-retry"),
  ])
  const octokit = new (Octokit.plugin(throttling, retry))(options)
  octokit.hook.before("request", ({ method, url, request }) => {
    // A change may have happened although its answer was lost. So only the caller, who can look first, may repeat it.
    if (method !== "GET" && !url.endsWith("/access_tokens")) Object.assign(request, { retries: 0 })
  })
  return octokit
}

const refusal = z.object({
  status: z.number(),
  message: z.string(),
  response: z.object({ headers: z.record(z.string(), z.union([z.string(), z.number()]).optional()) }),
})

/** The HTTP status of a refused call; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  return refusal.safeParse(error).data?.status
}

function githubError(error: unknown): Error {
  const inner = error instanceof Error ? (networkFailure(error) ?? networkFailure(error.cause)) : null
  if (inner !== null) return inner
  if (error instanceof Reject || error instanceof Misconfigured) return error
  const refused = refusal.safeParse(error)
  if (!refused.success) return new Uncertain(`GitHub's answer could not be read: ${messageOf(error)}`, { cause: error })
  return refusalError(refused.data)
}

function refusalError({ status, message, response }: z.infer<typeof refusal>): Error {
  const cause = new Error(message)
  const pauseMs = pauseOf(response.headers)
  const isLimited = status === 429 || (status === 403 && (pauseMs !== undefined || /rate limit/i.test(message)))
  if (isLimited)
    return new Retry("GitHub's rate limit is used up", {
      code: "rate_limited",
      cause,
      ...(pauseMs === undefined ? {} : { afterMs: pauseMs }),
    })
  if (status >= 500) return new Retry(`GitHub is away (${status})`, { code: "github_away", cause })
  if (status === 401)
    return new Misconfigured("GitHub does not accept our credentials", {
      fix: "Set GITHUB_TOKEN to a token that is still valid.",
      cause,
    })
  if (status === 403) {
    return new Reject(403, `GitHub does not allow this: ${message}`, {
      code: "forbidden",
      fix: "Give the token Issues: read and write, and Metadata: read.",
      cause,
    })
  }
  if (status === 404)
    return new Reject(404, `GitHub does not have this, or hides it from us: ${message}`, { code: "not_found", cause })
  return new Reject(status, `GitHub refused: ${message}`, { code: "github_refused", cause })
}

/** The pause that GitHub asks for, in milliseconds: from `retry-after`, or until the rate limit is reset. */
function pauseOf(headers: Record<string, string | number | undefined>): number | undefined {
  const after = Number(headers["retry-after"])
  if (after > 0) return after * 1000
  if (String(headers["x-ratelimit-remaining"]) !== "0") return undefined
  const reset = Number(headers["x-ratelimit-reset"]) * 1000
  const sent = Date.parse(String(headers.date))
  return Number.isFinite(reset - sent) ? Math.max(1000, reset - sent) : 60_000
}

function rethrowForRead(error: unknown): never {
  throw error instanceof Uncertain ? forRead(error) : error
}
