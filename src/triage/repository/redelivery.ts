/**
 * Redelivery: asks GitHub to repeat the webhook calls that failed while Vigil was away. It asks only for calls about issues
 * that never reached the inbox, a few times each, and as far back as GitHub keeps them. Where GitHub does not show its
 * deliveries nothing is lost, because the sweep reads the issues themselves.
 */
import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import { codeOf, Reject } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Delivery, GitHubHooks, RepositoryHook } from "../../channels/github/deliveries.ts"
import type { Db } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"
import { arrived } from "./deliveries.ts"

export interface RedeliveryDeps {
  db: Db
  clock: Clock
  log: Log
  kv: Pick<Kv, "get" | "set">
  hooks: GitHubHooks
  /** The address of our webhook, as GitHub knows it. */
  url: string
}

/** Repairs the webhooks of `repos`. Returns how many deliveries it asked for. A failure is logged and not thrown. */
export type Redeliver = (repos: readonly string[], signal: AbortSignal) => Promise<number>

const DAY_MS = 24 * 3600_000
/** GitHub repeats a delivery that is at most this old. */
const KEPT_MS = 3 * DAY_MS
/** After this time a repository's webhook is looked up again, also one that was missing or that GitHub did not show. */
const LOOK_AGAIN_MS = DAY_MS
const MAX_PAGES = 10
/** Most deliveries asked for in one sweep, so that not all of them come at once. */
const AT_ONCE = 20
const TRIES = 3

const stateSchema = z.object({ since: z.coerce.date(), tries: z.record(z.string(), z.number()).default({}) })
type State = z.output<typeof stateSchema>

export function createRedelivery(deps: RedeliveryDeps): Redeliver {
  const { clock, log, hooks, url } = deps
  const known = new Map<string, { hook: RepositoryHook | null; until: number }>()

  async function find(repo: string, signal: AbortSignal): Promise<RepositoryHook | null> {
    const now = clock.now().getTime()
    const before = known.get(repo)
    if (before && now < before.until) return before.hook
    const hook = await hooks.find(repo, url, signal).catch((error: unknown) => {
      if (!(error instanceof Reject)) throw error
      log.info("redelivery_off", { repo, code: codeOf(error) })
      return null
    })
    known.set(repo, { hook, until: now + LOOK_AGAIN_MS })
    return hook
  }

  return async (repos, signal) => {
    const seen = new Set<string>()
    let asked = 0
    for (const repo of repos) {
      try {
        const hook = await find(repo, signal)
        // A GitHub App has one webhook for all of its repositories.
        if (!hook || seen.has(keyOf(hook))) continue
        seen.add(keyOf(hook))
        asked += await heal(deps, hook, signal)
      } catch (error) {
        signal.throwIfAborted()
        log.warn("redelivery_failed", { repo, error })
      }
    }
    return asked
  }
}

const keyOf = (hook: RepositoryHook): string => ("app" in hook ? "app" : hook.repo.toLowerCase())

async function heal(deps: RedeliveryDeps, hook: RepositoryHook, signal: AbortSignal): Promise<number> {
  const { db, clock, kv, log } = deps
  const now = clock.now()
  const floor = new Date(now.getTime() - KEPT_MS)
  const key = `redelivery:${keyOf(hook)}`
  const stored = stateSchema.safeParse((await kv.get("triage", key))?.value).data
  const state: State = { since: stored && stored.since > floor ? stored.since : floor, tries: stored?.tries ?? {} }
  const listed = await since(deps, hook, state.since, signal)
  const failed = await missing(db, listed, state, now)
  const asked = failed.slice(0, AT_ONCE)
  const rest = failed[AT_ONCE]
  for (const { guid, id } of asked) {
    await deps.hooks.redeliver(hook, id, signal).catch((error: unknown) => {
      // GitHub has the delivery no more, or refuses to repeat it: the sweep finds its issue.
      if (!(error instanceof Reject)) throw error
    })
    state.tries[guid] = (state.tries[guid] ?? 0) + 1
  }
  const newest = listed[0]?.at ?? state.since
  const guids = new Set(listed.map(({ guid }) => guid))
  const tries = Object.fromEntries(Object.entries(state.tries).filter(([guid]) => guids.has(guid)))
  const next = { since: (rest?.at ?? newest).toISOString(), tries }
  await kv.set(db, "triage", key, next, { expiresAt: new Date(now.getTime() + 2 * KEPT_MS) })
  if (asked.length > 0) log.info("redelivery_asked", { hook: key, deliveries: asked.length })
  return asked.length
}

/** The deliveries since `from`, the newest first. */
async function since(
  { hooks }: RedeliveryDeps,
  hook: RepositoryHook,
  from: Date,
  signal: AbortSignal,
): Promise<Delivery[]> {
  const found: Delivery[] = []
  let cursor: string | null = null
  for (let page = 0; page < MAX_PAGES; page++) {
    const { deliveries, next } = await hooks.deliveries(hook, cursor, signal)
    const fresh = deliveries.filter(({ at }) => at >= from)
    found.push(...fresh)
    if (next === null || fresh.length < deliveries.length) break
    cursor = next
  }
  return found
}

/** The newest attempt of each delivery that never succeeded and is not in the inbox; the oldest delivery first. */
async function missing(db: Db, listed: Delivery[], { tries }: State, now: Date): Promise<Delivery[]> {
  const done = new Set(listed.filter(({ ok }) => ok).map(({ guid }) => guid))
  const failed = new Map<string, Delivery>()
  for (const delivery of listed) {
    const { guid, event } = delivery
    const isOurs = event === "issues" && !done.has(guid) && (tries[guid] ?? 0) < TRIES
    if (isOurs && !failed.has(guid)) failed.set(guid, delivery)
  }
  const there = await arrived(db, [...failed.keys()], now)
  return [...failed.values()].filter(({ guid }) => !there.has(guid)).reverse()
}
