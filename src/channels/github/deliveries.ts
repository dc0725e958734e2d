/**
 * GitHub deliveries: lists what GitHub tried to deliver to our webhook, and asks for failed deliveries again. GitHub does not
 * repeat a failed delivery by itself. It keeps a delivery for three days and repeats it when asked (REST documentation,
 * "Handling failed webhook deliveries").
 */
import type { Octokit } from "@octokit/core"
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type GitHubCalls, nameParts } from "./api.ts"

/** A webhook of ours: the app's, or a repository's. */
export type RepositoryHook = { app: true } | { repo: string; id: number }

/** One attempt to deliver. */
export interface Delivery {
  /** The id of the attempt, as text, because it is larger than a JavaScript number holds exactly. */
  id: string
  /** The id of the delivery, the same for all its attempts: `X-GitHub-Delivery`. */
  guid: string
  /** The instant of the attempt. */
  at: Date
  /** Whether we answered with 2xx. */
  ok: boolean
  /** `X-GitHub-Event`. */
  event: string
}

interface DeliveryPage {
  /** Newest first. */
  deliveries: Delivery[]
  /** The cursor of the next page; null on the last page. */
  next: string | null
}

export interface GitHubHooks {
  /**
   * Finds the webhook that delivers issues of `repo` to `url`; null when there is none. An app has one webhook for all its
   * repositories. Throws `Reject` (403, 404) when the token may not read webhooks.
   */
  find(repo: string, url: string, signal: AbortSignal): Promise<RepositoryHook | null>
  /** One page of attempts; the first page when `cursor` is null. */
  deliveries(hook: RepositoryHook, cursor: string | null, signal: AbortSignal): Promise<DeliveryPage>
  /** Asks for another attempt, which arrives as a new webhook call with the same guid. */
  redeliver(hook: RepositoryHook, id: string, signal: AbortSignal): Promise<void>
}

const PER_PAGE = 100

const hooks = z.array(
  z.object({
    id: z.number(),
    active: z.boolean().optional(),
    events: z.array(z.string()).default([]),
    config: z.object({ url: z.string().nullish() }).nullish(),
  }),
)
const appHook = z.object({ url: z.string().nullish() })
const deliveries = z.array(
  z.object({
    id: z.string(),
    guid: z.string(),
    delivered_at: z.iso.datetime({ offset: true }).transform((value) => new Date(value)),
    status_code: z.coerce.number(),
    event: z.string(),
  }),
)

export function createRepositoryHooks(calls: GitHubCalls): GitHubHooks {
  const call = <T>(hook: RepositoryHook, work: (octokit: Octokit) => Promise<T>): Promise<T> =>
    "app" in hook ? calls.self(work) : calls.read(hook.repo, work)
  return {
    find: (repo, url, signal) => calls.self((octokit, isApp) => find(octokit, isApp, { repo, url, signal })),
    deliveries: (hook, cursor, signal) => call(hook, (octokit) => list(octokit, hook, cursor, signal)),
    redeliver: (hook, id, signal) => call(hook, (octokit) => redeliver(octokit, hook, id, signal)),
  }
}

async function find(
  octokit: Octokit,
  isApp: boolean,
  { repo, url, signal }: { repo: string; url: string; signal: AbortSignal },
): Promise<RepositoryHook | null> {
  const request = { signal }
  if (isApp) {
    const { data } = await octokit.request("GET /app/hook/config", { request })
    return isSame(appHook.parse(data).url, url) ? { app: true } : null
  }
  const asked = { ...nameParts(repo), per_page: PER_PAGE, request }
  const { data } = await octokit.request("GET /repos/{owner}/{repo}/hooks", asked)
  const ours = hooks
    .parse(data)
    .find((hook) => hook.active !== false && isSame(hook.config?.url, url) && takesIssues(hook.events))
  return ours ? { repo, id: ours.id } : null
}

function takesIssues(events: string[]): boolean {
  return events.includes("issues") || events.includes("*")
}

function isSame(found: string | null | undefined, url: string): boolean {
  return typeof found === "string" && URL.canParse(found) && new URL(found).href === new URL(url).href
}

async function list(
  octokit: Octokit,
  hook: RepositoryHook,
  cursor: string | null,
  signal: AbortSignal,
): Promise<DeliveryPage> {
  const asked = {
    per_page: PER_PAGE,
    ...(cursor === null ? {} : { cursor }),
    // The body is parsed below, because the package's parser would round the ids.
    request: { signal, parseSuccessResponseBody: false },
  }
  const answer =
    "app" in hook
      ? await octokit.request("GET /app/hook/deliveries", asked)
      : await octokit.request("GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries", {
          ...asked,
          ...nameParts(hook.repo),
          hook_id: hook.id,
        })
  const found = deliveries.parse(await exactIds(answer.data))
  return {
    deliveries: found.map(({ id, guid, delivered_at: at, status_code: code, event }) => ({
      id,
      guid,
      at,
      ok: code >= 200 && code < 300,
      event,
    })),
    next: nextCursor(answer.headers.link),
  }
}

/** Parses the body of an answer, with each `id` as text, so that no digit is lost. */
async function exactIds(body: unknown): Promise<unknown> {
  const text = await new Response(body instanceof ReadableStream ? body : null).text()
  return JSON.parse(text.replaceAll(/"id"\s*:\s*(\d+)/g, '"id":"$1"'))
}

function nextCursor(link: string | undefined): string | null {
  const url = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1]
  return url !== undefined && URL.canParse(url) ? new URL(url).searchParams.get("cursor") : null
}

async function redeliver(octokit: Octokit, hook: RepositoryHook, id: string, signal: AbortSignal): Promise<void> {
  if (!/^\d+$/.test(id)) throw new Reject(400, "that is not the id of a delivery", { code: "bad_delivery" })
  const path = `deliveries/${id}/attempts`
  const request = { signal }
  if ("app" in hook) {
    await octokit.request(`POST /app/hook/${path}`, { request })
    return
  }
  await octokit.request(`POST /repos/{owner}/{repo}/hooks/{hook_id}/${path}`, {
    ...nameParts(hook.repo),
    hook_id: hook.id,
    request,
  })
}
