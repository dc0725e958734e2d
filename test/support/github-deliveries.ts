/**
 * GitHub's side of webhooks: it delivers signed posts, keeps how each attempt went, and delivers again when it is asked
 * to, under the same guid. The ids of attempts are larger than JavaScript's whole numbers, as the real ones are.
 */
import { sign } from "@octokit/webhooks-methods"
import type { Answer, ReceivedRequest } from "./stand-in.ts"

export interface Registered {
  id: number
  /** `owner/name`; null for an app's. */
  repo: string | null
  url: string
  secret: string
  events: string[]
}

export interface Attempt {
  id: bigint
  hook: number
  guid: string
  at: Date
  redelivery: boolean
  /** 0 when nobody answered. */
  status: number
  event: string
  action: string | null
  body: string
}

/** Posts a signed delivery. */
export async function post(
  to: string,
  { event, body, secret, id }: { event: string; body: string; secret: string; id: string },
): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    "x-github-event": event,
    "x-github-delivery": id,
    "x-hub-signature-256": await sign(secret, body),
  }
  return await fetch(to, { method: "POST", body, headers })
}

const PAGE = 3
const NOT_FOUND: Answer = { status: 404, body: { message: "Not Found" } }

export function createDeliveries(now: () => Date) {
  const hooks: Registered[] = []
  const attempts: Attempt[] = []
  const running: Promise<unknown>[] = []

  async function attempt(hook: Registered, what: Pick<Attempt, "guid" | "event" | "action" | "body" | "redelivery">) {
    const { event, body, guid: id } = what
    const answer = await post(hook.url, { event, body, secret: hook.secret, id }).catch(() => null)
    await answer?.arrayBuffer()
    const status = answer?.status ?? 0
    attempts.push({ ...what, id: 93_676_014_012_180_480n + BigInt(attempts.length), hook: hook.id, at: now(), status })
    return status
  }

  function again(hook: Registered, id: string): Answer {
    const before = attempts.find((one) => String(one.id) === id && one.hook === hook.id)
    if (!before) return NOT_FOUND
    running.push(attempt(hook, { ...before, redelivery: true }))
    return { status: 202, body: {} }
  }

  function listed(asked: ReceivedRequest, hook: Registered): Answer {
    const all = attempts.filter((one) => one.hook === hook.id).toReversed()
    const from = Number(asked.url.searchParams.get("cursor")?.slice(2) ?? 0)
    const rows = all.slice(from, from + PAGE).map(json)
    const isMore = from + PAGE < all.length
    const link = `<http://localhost${asked.url.pathname}?per_page=100&cursor=v1${from + PAGE}>; rel="next"`
    // Written by hand: `JSON.stringify` knows no such large numbers.
    return {
      status: 200,
      body: `[${rows.join(",")}]`,
      headers: { "content-type": "application/json", ...(isMore ? { link } : {}) },
    }
  }

  const ofHook = (asked: ReceivedRequest, hook: Registered, rest: string) =>
    rest === "/deliveries" ? listed(asked, hook) : again(hook, rest.split("/")[2] ?? "")

  return {
    hooks,
    attempts,
    /** Waits for the attempts that were asked for. */
    settled: async () => void (await Promise.all(running)),
    register(repo: string | null, hook: { url: string; secret: string; events?: string[] }): Registered {
      const made = { id: hooks.length + 7, repo, events: ["issues"], ...hook }
      hooks.push(made)
      return made
    },
    fire: (hook: Registered, guid: string, event: string, payload: { action?: string }) =>
      attempt(hook, {
        guid,
        event,
        action: payload.action ?? null,
        body: JSON.stringify(payload),
        redelivery: false,
      }),
    /** Below `/app/hook`. */
    ofApp(asked: ReceivedRequest, rest: string): Answer {
      const hook = hooks.find(({ repo }) => repo === null)
      if (!hook) return NOT_FOUND
      return rest === "/config" ? { status: 200, body: shown(hook).config } : ofHook(asked, hook, rest)
    },
    /** Below `/repos/<repo>/hooks`. */
    ofRepo(asked: ReceivedRequest, repo: string, rest: string): Answer {
      const own = hooks.filter((hook) => hook.repo === repo)
      if (rest === "") return { status: 200, body: own.map(shown) }
      const [, id = ""] = rest.split("/", 2)
      const hook = own.find((one) => String(one.id) === id)
      return hook ? ofHook(asked, hook, rest.slice(id.length + 1)) : NOT_FOUND
    },
  }
}

function shown({ id, url, events }: Registered) {
  return { type: "Repository", id, name: "web", active: true, events, config: { url, content_type: "json" } }
}

function json({ id, guid, at, redelivery, status, event, action }: Attempt): string {
  const rest = {
    guid,
    delivered_at: at.toISOString(),
    redelivery,
    duration: 0.03,
    status: status >= 200 && status < 300 ? "OK" : "failed",
    status_code: status,
    event,
    action,
    installation_id: null,
    repository_id: 1,
  }
  return `{"id":${id},${JSON.stringify(rest).slice(1)}`
}
