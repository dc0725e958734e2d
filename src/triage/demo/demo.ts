/**
 * Demo: shows triage without a GitHub account. Past decisions are stored once. Then new issues come in as signed webhook calls
 * and go the real way: they are verified, stored in the inbox and decided by a run, which changes the demo's own repository
 * or asks the owner for an approval.
 */
import { setTimeout as pause } from "node:timers/promises"
import { sign } from "@octokit/webhooks-methods"
import { sql } from "drizzle-orm"
import { z } from "zod"
import type { Clock } from "../../base/clock.ts"
import { Retry } from "../../base/errors.ts"
import { idOf } from "../../base/ids.ts"
import { UNTRUSTED_LABEL } from "../../base/label.ts"
import type { Issue } from "../../channels/github/issue.ts"
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"
import { anyOf } from "../../db/sql.ts"
import type { Memory } from "../../memory/memory.ts"
import { repoScope } from "../../memory/scope.ts"
import type { Kind } from "../classify/kind.ts"
import type { Decisions } from "../decisions/decisions.ts"
import { memoryText } from "../decisions/evidence.ts"
import { contentHash, issueEvent } from "../repository/issue-event.ts"
import type { Rotas } from "../repository/rota.ts"
import { PAST } from "./past.ts"
import { DEMO_REPO, DEMO_TEAM, demoIssue, freshNumbers } from "./repository.ts"

export interface DemoDeps {
  db: Db
  clock: Clock
  kv: Kv
  memory: Pick<Memory, "remember" | "forget">
  decisions: Pick<Decisions, "record">
  rotas: Pick<Rotas, "set">
  /** Posts a webhook call to `/webhooks/github` and returns the HTTP status. */
  post: (body: string, headers: Record<string, string>) => Promise<number>
  /** The secret of the webhook that `post` reaches. */
  secret: string
  /** The digest as it would be sent by SMS now. */
  digest: () => Promise<{ text: string; segments: number }>
  /** How long `run` waits for the triage runs, in milliseconds. */
  patienceMs?: number
}

interface DemoRun {
  /** Issues that triage has decided. */
  issues: number
  applied: number
  declined: number
  /** Decisions that wait for the owner's approval. */
  pending: number
  byKind: Record<Kind, number>
  /** The open approvals, for example code `K7` and display `label ...`. */
  approvals: { code: string; display: string }[]
  /** Issues whose run had not ended when `run` stopped waiting. */
  unfinished: number
  digest: string
  segments: number
}

export interface Demo {
  /** Runs the demo. A repetition reports the same decisions again. Throws `Retry` when the webhook refuses a call. */
  run(): Promise<DemoRun>
  /** Removes the demo's decisions and memories, cancels its approvals, and returns the number of decisions. The next `run` begins anew. */
  clear(): Promise<number>
}

const PATIENCE_MS = 20_000
const LOOK_MS = 50

export function createDemo(deps: DemoDeps): Demo {
  const { db, kv } = deps
  const round = async (tx?: Tx) =>
    z
      .number()
      .int()
      .catch(0)
      .parse((await kv.get("triage", "demo:round", tx))?.value)

  return {
    async run() {
      await db.transaction((tx) => seed(deps, tx))
      const issues = freshNumbers(await round()).map(demoIssue)
      for (const issue of issues) await deliver(deps, issue)
      const events = issues.map((issue) => issueEvent(issue).externalId)
      const until = performance.now() + (deps.patienceMs ?? PATIENCE_MS)
      let unfinished = await working(db, events)
      while (unfinished > 0 && performance.now() < until) {
        await pause(LOOK_MS)
        unfinished = await working(db, events)
      }
      return { ...(await report(db, issues)), unfinished, ...(await digested(deps)) }
    },
    clear: () =>
      db.transaction(async (tx) => {
        const next = (await round(tx)) + 1
        await kv.set(tx, "triage", "demo:round", next)
        return await clear(deps, tx)
      }),
  }
}

async function digested({ digest }: DemoDeps): Promise<{ digest: string; segments: number }> {
  const { text, segments } = await digest()
  return { digest: text, segments }
}

/** Stores the past once: each past issue with its decision and its memory, as if a person had decided. */
async function seed({ clock, memory, decisions, rotas }: DemoDeps, tx: Tx): Promise<void> {
  const known = await tx.query(sql`select 1 from decisions where repo = ${DEMO_REPO} and demo limit 1`)
  if (known.length > 0) return
  await rotas.set(tx, DEMO_REPO, { start: "2026-01-05", everyDays: 7, logins: DEMO_TEAM })
  for (const [at, { kind }] of PAST.entries()) {
    const issue = demoIssue(at + 1)
    const runId = idOf(`demo:past:${issue.number}`)
    const made = await memory.remember(tx, {
      scope: repoScope(DEMO_REPO),
      kind: "decision",
      text: memoryText(issue),
      label: UNTRUSTED_LABEL,
      sources: { demo: true },
      validFrom: issue.updatedAt,
    })
    const decision = {
      repo: DEMO_REPO,
      number: issue.number,
      contentHash: contentHash(issue),
      title: issue.title,
      kind,
      confidence: 1,
    }
    const how = {
      reason: "Decided before the demo began.",
      method: "person" as const,
      hard: false,
      labels: [LABEL[kind]],
      assignee: null,
    }
    // Always before today, because the digest shows only what is new.
    const now = new Date(Math.min(issue.updatedAt.getTime(), clock.now().getTime() - 7 * 24 * 3600_000))
    await decisions.record(
      tx,
      { ...decision, ...how, reusedFrom: null, url: issue.htmlUrl, demo: true },
      { runId, memoryId: made.id, now, state: "applied" },
    )
  }
}

const LABEL: Record<Kind, string> = { bug: "bug", feature: "enhancement", question: "question", docs: "documentation" }

async function deliver({ post, secret }: DemoDeps, issue: Issue): Promise<void> {
  const body = JSON.stringify({
    action: "opened",
    issue: {
      number: issue.number,
      title: issue.title,
      body: issue.body,
      user: { login: issue.author, type: "User" },
      author_association: issue.authorAssociation,
      labels: [],
      assignees: [],
      state: "open",
      html_url: issue.htmlUrl,
      updated_at: issue.updatedAt.toISOString(),
    },
    repository: { full_name: issue.repo },
    sender: { login: issue.author, type: "User" },
  })
  const status = await post(body, {
    "content-type": "application/json",
    "x-github-event": "issues",
    "x-github-delivery": idOf(`demo:delivery:${issue.number}`),
    "x-hub-signature-256": await sign(secret, body),
  })
  if (status >= 300)
    throw new Retry(`the webhook answered ${status} to the demo's issue #${issue.number}`, {
      fix: "run the demo again",
    })
}

/** How many of the events have no run yet, or a run that works. */
async function working(db: Db, events: string[]): Promise<number> {
  const rows = await db.query(sql`
    select 1 from inbox left join runs on runs.id = inbox.run_id
    where inbox.source = 'github' and inbox.external_id = ${anyOf(events)} and coalesce(runs.state, 'running') = 'running'`)
  return rows.length
}

async function report(db: Db, issues: Issue[]): Promise<Omit<DemoRun, "unfinished" | "digest" | "segments">> {
  const numbers = anyOf(
    issues.map((issue) => String(issue.number)),
    "bigint",
  )
  const rows = await db.query<{ kind: Kind; state: string; runId: string }>(sql`
    select coalesce(corrected_to, kind) as kind, state, run_id as "runId" from decisions where repo = ${DEMO_REPO} and number = ${numbers}`)
  const approvals = await db.query<{ code: string; display: string }>(sql`
    select code, display from approvals where state = 'open' and run_id = ${anyOf(
      rows.map((row) => row.runId),
      "uuid",
    )} order by created_at`)
  const count = (state: string) => rows.filter((row) => row.state === state).length
  const ofKind = (kind: Kind) => rows.filter((row) => row.kind === kind).length
  return {
    issues: rows.length,
    applied: count("applied"),
    declined: count("declined"),
    pending: count("pending"),
    byKind: {
      bug: ofKind(ISSUE_KINDS[0]),
      feature: ofKind(ISSUE_KINDS[1]),
      question: ofKind(ISSUE_KINDS[2]),
      docs: ofKind(ISSUE_KINDS[3]),
    },
    approvals,
  }
}

async function clear({ clock, memory }: DemoDeps, tx: Tx): Promise<number> {
  await tx.query(sql`
    with gone as (
      update approvals set state = 'cancelled' where state = 'open'
        and run_id in (select run_id from decisions where repo = ${DEMO_REPO} and demo) returning thread_id
    )
    update threads set ready_at = least(ready_at, now()) where id in (select thread_id from gone)`)
  const rows = await tx.query<{ memoryId: number | null }>(sql`
    delete from decisions where repo = ${DEMO_REPO} and demo returning memory_id as "memoryId"`)
  const ids = rows.flatMap(({ memoryId }) => memoryId ?? [])
  await memory.forget(tx, repoScope(DEMO_REPO), ids, clock.now())
  return rows.length
}
