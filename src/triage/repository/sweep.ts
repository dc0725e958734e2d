/**
 * Sweep: finds the issues and corrections that no webhook told of. It lists what changed in each repository since its cursor.
 * Undecided issues go into the inbox under the id that a webhook call gives them, so none is taken twice. The cursor moves
 * only after everything in the listing was taken in, so none is missed.
 */
import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import { codeOf, messageOf } from "../../base/errors.ts"
import type { Log } from "../../base/log.ts"
import type { Issue } from "../../channels/github/issue.ts"
import type { Db } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"
import type { Inbox } from "../../thread/inbox/inbox.ts"
import type { Decisions } from "../decisions/decisions.ts"
import type { GitHubOf } from "./apply.ts"
import { type Corrections, differs } from "./corrections.ts"
import { contentHash, issueEvent } from "./issue-event.ts"
import type { Redeliver } from "./redelivery.ts"

export interface SweepDeps {
  db: Db
  clock: Clock
  log: Log
  kv: Pick<Kv, "get" | "set">
  inbox: Pick<Inbox, "accept">
  decisions: Pick<Decisions, "isTaken" | "forIssue">
  corrections: Corrections
  github: GitHubOf
  /** Asks GitHub for webhook calls that failed; absent where there is no webhook. */
  redeliver?: Redeliver
  /** Each as `owner/name`. */
  repos: readonly string[]
}

interface Swept {
  repo: string
  /** Open issues that had changed. */
  seen: number
  /** Those of them that the inbox did not have. */
  accepted: number
  error?: { code: string; message: string }
}

/** Sweeps every repository once. The failure of one is in its row and in the log, and does not stop the others. */
export type Sweep = (signal: AbortSignal) => Promise<Swept[]>

/** How far each listing overlaps the last one, in milliseconds: GitHub lists an issue a little after the time it gives it. */
const OVERLAP_MS = 60_000
const FIRST_LOOK_MS = 24 * 3600_000
/** Most listings of one repository in one sweep, each of at most 1,000 issues. */
const MAX_LISTINGS = 10
/** No run has this id, so an issue counts as taken whichever run decided it. */
const NO_RUN = "00000000-0000-0000-0000-000000000000"

const cursorSchema = z.object({ since: z.coerce.date(), etag: z.string().optional() })
type Cursor = z.output<typeof cursorSchema>

export function createSweep(deps: SweepDeps): Sweep {
  return async (signal) => {
    const swept: Swept[] = []
    await deps.redeliver?.(deps.repos, signal)
    for (const repo of deps.repos) {
      try {
        swept.push(await sweepRepo(deps, repo, signal))
      } catch (error) {
        signal.throwIfAborted()
        deps.log.warn("sweep_failed", { repo, error })
        swept.push({ repo, seen: 0, accepted: 0, error: { code: codeOf(error), message: messageOf(error) } })
      }
    }
    return swept
  }
}

async function sweepRepo(deps: SweepDeps, repo: string, signal: AbortSignal): Promise<Swept> {
  const client = deps.github(repo)
  if (!client) throw new Error(`GitHub is not set up for ${repo}`)
  const key = `cursor:${repo.toLowerCase()}`
  const stored = cursorSchema.safeParse((await deps.kv.get("triage", key))?.value)
  let cursor: Cursor = stored.data ?? { since: new Date(deps.clock.now().getTime() - FIRST_LOOK_MS) }
  const found: Swept = { repo, seen: 0, accepted: 0 }
  for (let listing = 0; listing < MAX_LISTINGS; listing++) {
    const page = await client.listIssues(repo, cursor.since, signal, cursor.etag)
    if (page.notModified) return found
    const open = page.issues.filter((issue) => issue.state === "open" && !issue.isPullRequest)
    for (const issue of open) found.accepted += Number(await take(deps, issue))
    for (const issue of page.issues) await reconsider(deps, issue, signal)
    found.seen += open.length
    const next = after(cursor, page)
    await deps.kv.set(deps.db, "triage", key, next)
    if (!page.more || next.since <= cursor.since) return found
    cursor = next
  }
  return found
}

/** Puts an issue into the inbox unless it is decided. Returns whether it was new. */
async function take({ decisions, inbox }: SweepDeps, issue: Issue): Promise<boolean> {
  const { repo, number } = issue
  if (await decisions.isTaken({ repo, number, contentHash: contentHash(issue) }, NO_RUN)) return false
  return !(await inbox.accept(issueEvent(issue))).duplicate
}

/**
 * Takes in what people changed on a decided issue. GitHub is asked for the history only if the issue differs from its
 * decision and no webhook call has told of that.
 */
async function reconsider(deps: SweepDeps, issue: Issue, signal: AbortSignal): Promise<void> {
  const { db, decisions, corrections, github } = deps
  const { repo, number, labels, assignees, updatedAt: at } = issue
  const decision = await decisions.forIssue(repo, number)
  if (!decision || !differs(decision, issue)) return
  const heard = await corrections.heardUntil(repo, number)
  if (heard && at <= heard) return
  const changes = (await github(repo)?.listChanges(repo, number, signal)) ?? []
  await db.transaction(async (tx) => {
    for (const change of changes) await corrections.hear(tx, { ...change, repo, number, labels, assignees })
    await corrections.mark(tx, { repo, number, at })
  })
}

/** The next cursor. An ETag is valid only for the listing it came with, so it is kept only while `since` stays the same. */
function after(cursor: Cursor, page: { issues: Issue[]; etag?: string; more: boolean }): Cursor {
  const last = page.issues.at(-1)?.updatedAt.getTime()
  const reached = last === undefined ? cursor.since.getTime() : last - (page.more ? 0 : OVERLAP_MS)
  const since = new Date(Math.max(reached, cursor.since.getTime()))
  const isSame = since.getTime() === cursor.since.getTime()
  return { since, ...(isSame && page.etag !== undefined ? { etag: page.etag } : {}) }
}
