/** Harness: triage on a test database, with the real inbox, leases and executor, against the stand-in for GitHub. */
import { sql } from "drizzle-orm"
import { silentLog } from "../../src/base/log.ts"
import { createGitHub, type GitHub } from "../../src/channels/github/client.ts"
import { createGitHubWebhook } from "../../src/channels/github/webhook.ts"
import { createKv } from "../../src/db/kv.ts"
import { createMemory } from "../../src/memory/store.ts"
import type { Model } from "../../src/model/model.ts"
import { createDecisions } from "../../src/triage/decisions/decisions.ts"
import { createLearning } from "../../src/triage/decisions/learning.ts"
import { createDemoGitHub, DEMO_REPO } from "../../src/triage/demo/repository.ts"
import { createCorrections } from "../../src/triage/repository/corrections.ts"
import { issueEvent } from "../../src/triage/repository/issue-event.ts"
import { createLabels } from "../../src/triage/repository/labels.ts"
import { createRotas } from "../../src/triage/repository/rota.ts"
import { createSweep } from "../../src/triage/repository/sweep.ts"
import { createTriageTool } from "../../src/triage/tool.ts"
import { createTriage, createTriageTools } from "../../src/triage/triage.ts"
import { type TestDatabase, testDatabase } from "../support/database.ts"
import { start } from "../support/github-stand-in.ts"
import { spine, text } from "../support/spine.ts"

export const REPO = "octo/demo"
export const SECRET = "a secret of the test"
const NEVER = new AbortController().signal

export interface HarnessOptions {
  /** Without a model triage is offline. */
  model?: Model
  labels?: string[]
  now?: () => Date
  repos?: string[]
}

export async function harness(options: HarnessOptions = {}) {
  const database: TestDatabase = await testDatabase()
  const { db } = database
  const clock = { now: options.now ?? (() => new Date()) }
  const labels = options.labels ?? ["bug", "enhancement", "question", "documentation", "checkout", "safe-to-test"]
  const hub = await start({ repos: { [REPO]: { labels, assignable: ["ana", "ben"] } }, now: clock.now })
  const github = createGitHub({ token: hub.token, apiUrl: hub.url, repos: [REPO] }, { throttle: false })
  const demo = createDemoGitHub()
  const clients = new Map<string, GitHub>([
    [REPO, github],
    [DEMO_REPO, demo],
  ])
  const memory = createMemory({ db, queue: { send: async () => {} }, clock })
  const kv = createKv({ db, clock })
  const decisions = createDecisions(db)
  const rotas = createRotas({ kv, zone: () => "UTC" })
  const parts = {
    github: (repo: string) => clients.get(repo.toLowerCase()) ?? null,
    memory,
    decisions,
    corrections: createCorrections({ kv, decisions }),
    learning: createLearning(decisions),
    labels: createLabels({ kv, clock }),
    rotas,
  }
  const s = await spine({
    db,
    tools: createTriageTools(parts),
    handlers: {
      issue: createTriage({ ...parts, offline: !options.model, demoRepos: new Set([DEMO_REPO]) }),
    },
    now: clock.now,
    ...(options.model ? { model: options.model } : {}),
  })
  const webhook = createGitHubWebhook({ webhookSecret: SECRET, repos: [REPO, DEMO_REPO] })
  return {
    ...parts,
    s,
    db,
    kv,
    hub,
    clients,
    sweep: createSweep({ ...parts, db, clock, log: silentLog, kv, inbox: s.inbox, repos: options.repos ?? [REPO] }),
    tool: createTriageTool({ ...parts, inbox: s.inbox }),
    /** Does what the webhook's route does, and returns the HTTP status. */
    async deliver(body: string, headers: Record<string, string>): Promise<number> {
      const found = await webhook?.({ url: "/webhooks/github", headers, body })
      if (!found || "ignored" in found) return 202
      await s.inbox.accept(issueEvent(found, { action: found.action, delivery: found.deliveryId }))
      return 202
    },
    /** Opens an issue at GitHub and lets its webhook call come in. */
    async open(issue: Parameters<typeof hub.put>[1], action = "opened"): Promise<number> {
      const { number } = hub.put(REPO, issue)
      const there = await github.getIssue(REPO, number, NEVER)
      await s.inbox.accept(issueEvent(there, { action, delivery: `d${number}` }))
      return number
    },
    say: (words: string) => s.inbox.accept(text(words)),
    /** The texts of the messages to the owner, approvals too. */
    posts: async () =>
      (await db.query<{ text: string }>(sql`select body ->> 'text' as text from outbox order by seq`)).map(
        (row) => row.text,
      ),
    runs: () =>
      db.query<{ id: string; state: string; error: { message: string } | null }>(
        sql`select id, state, error from runs where kind = 'issue' order by started_at`,
      ),
    async stop() {
      await s.stop()
      await hub.stop()
      await database.drop()
    },
  }
}
export type Harness = Awaited<ReturnType<typeof harness>>
