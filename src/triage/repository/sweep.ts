/**
 * Sweep: finds the issues that no webhook told of. It asks each repository what changed since its cursor and takes in what
 * is not decided yet, under the same id as the webhook would, and hears what people corrected; the cursor moves only after
 * everything was taken in.
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
  /** Asks for webhooks that failed; absent where there is no webhook. */
  redeliver?: Redeliver
  /** As `owner/name`. */
  repos: readonly string[]
}

interface Swept {
  repo: string
  /** Open issues that had changed. */
  seen: number
  /** Of them, those that were new to us. */
  accepted: number
  error?: { code: string; message: string }
}

/** Looks at every repository once; what fails for one is in its row and in the log, and stops no other. */
export type Sweep = (signal: AbortSignal) => Promise<Swept[]>

/** Issues show up in a listing a little after their time: each look overlaps the last one, in milliseconds. */
const OVERLAP_MS = 60_000
const FIRST_LOOK_MS = 24 * 3600_000
/** Listings of one repository in one sweep, each of at most 1,000 issues. */
const MAX_LISTINGS = 10
/** No run has this id: an issue is taken whoever decided it. */
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

/** Whether it was new to us. */
async function take({ decisions, inbox }: SweepDeps, issue: Issue): Promise<boolean> {
  const { repo, number } = issue
  if (await decisions.isTaken({ repo, number, contentHash: contentHash(issue) }, NO_RUN)) return false
  return !(await inbox.accept(issueEvent(issue))).duplicate
}

/** What people did to a decided issue, unless its webhook told already. Asked only where something is not as decided. */
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

/** Where to look from the next time. A tag is good only for the very listing it came with, so it stays while the place does. */
function after(cursor: Cursor, page: { issues: Issue[]; etag?: string; more: boolean }): Cursor {
  const last = page.issues.at(-1)?.updatedAt.getTime()
  const reached = last === undefined ? cursor.since.getTime() : last - (page.more ? 0 : OVERLAP_MS)
  const since = new Date(Math.max(reached, cursor.since.getTime()))
  const isSame = since.getTime() === cursor.since.getTime()
  return { since, ...(isSame && page.etag !== undefined ? { etag: page.etag } : {}) }
}
