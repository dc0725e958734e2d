/**
 * Decisions: what triage decided about each issue, and from what. One content of one issue has one row, however often it
 * comes in. A person's correction is stored beside the decision and never overwrites it; from then on the correction counts.
 */
import { type SQL, sql } from "drizzle-orm"
import { Reject } from "../../base/errors.ts"
import { idOf } from "../../base/ids.ts"
import type { Db, Tx } from "../../db/db.ts"
import { anyOf, json } from "../../db/sql.ts"
import { withdrawApprovals } from "../../thread/approvals/approval.ts"
import type { Example } from "../classify/classifier.ts"
import type { Kind } from "../classify/kind.ts"

/** `rules`: form and words of the issue. `neighbours`: past decisions of the repository. `person`: the issue had its label. */
export type Method = "model" | "rules" | "neighbours" | "person"
type DecisionState = "pending" | "applied" | "declined"

interface NewDecision {
  repo: string
  number: number
  contentHash: string
  title: string
  kind: Kind
  /** 0 to 1. */
  confidence: number
  reason: string
  method: Method
  /** A person should look at it: it is unsure or severe, or the model and the past disagree. */
  hard: boolean
  labels: string[]
  assignee: string | null
  reusedFrom: string | null
  url: string
  demo: boolean
}

export interface Decision extends NewDecision {
  id: string
  state: DecisionState
  correctedTo: Kind | null
  /** Login to whom a person gave the issue instead of `assignee`. */
  correctedAssignee: string | null
  runId: string
  memoryId: number | null
  decidedAt: Date
}

/** Who stores a decision, and when. `state` is `pending` when absent; `applied` is for a decision made elsewhere before. */
interface Made {
  runId: string
  memoryId: number
  now: Date
  state?: "pending" | "applied"
}

/** The part of a decision that may be shown beside other issues: never its text. */
interface Past {
  id: string
  number: number
  kind: Kind
  labels: string[]
  memoryId: number
  /** Whether a person changed the kind. */
  corrected: boolean
  correctedAssignee: string | null
}

/** The end of a decision. */
interface Settled {
  state: "applied" | "declined"
  assignee: string | null
  /** The kind that the owner named instead. */
  correctedTo?: Kind | null
}

export interface Decisions {
  /**
   * Writes a decision down and returns the id of its row. It takes over the row of a failed run for the same content, and
   * withdraws open approvals about other content of the issue.
   */
  record(tx: Tx, decision: NewDecision, made: Made): Promise<string>
  /** Settles a run's decision, as SQL for the commit that ends the run. It reads the relation `held` of that statement. */
  settle(runId: string, end: Settled): SQL
  /** Whether another run has decided, or is deciding, about this content of this issue. */
  isTaken(issue: { repo: string; number: number; contentHash: string }, runId: string): Promise<boolean>
  /** The applied or corrected decision about another issue of the repository with the same words; null when there is none. */
  twin(issue: { repo: string; number: number; contentHash: string }): Promise<Decision | null>
  /** The applied or corrected decisions to which these memories belong, newest first. */
  ofMemories(repo: string, memoryIds: number[]): Promise<Past[]>
  /** The applied or corrected decisions, newest first: the classifier learns from them. */
  examples(repo: string, limit: number): Promise<Example[]>
  /** How many decisions there are to learn from, and a hash that changes with every correction among them. */
  version(repo: string): Promise<{ count: number; corrections: string }>
  recent(query: { limit: number; repo?: string | undefined }): Promise<Decision[]>
  /** The newest decision about an issue; null when there is none. @param via the open transaction, if there is one. */
  forIssue(repo: string, number: number, via?: Tx): Promise<Decision | null>
  /** Stores the kind that a person named. Throws `Reject` (404) when there is no such decision. */
  correct(tx: Tx, id: string, kind: Kind): Promise<Decision>
  /** Declines a decision that a person undid without naming another kind, so that nothing is learnt from it. */
  withdraw(tx: Tx, id: string): Promise<void>
  /** Stores that a person gave the issue to `login`. */
  reassign(tx: Tx, id: string, login: string): Promise<void>
  /** Withdraws the open approvals about an issue, so that nobody can approve what no longer holds. */
  supersede(tx: Tx, repo: string, number: number): Promise<void>
}

const COLUMNS = sql`id, repo, number, content_hash as "contentHash", title, kind, confidence, reason, method, hard, labels, assignee,
  state, reused_from as "reusedFrom", corrected_to as "correctedTo", corrected_assignee as "correctedAssignee", run_id as "runId", memory_id as "memoryId", url, demo, decided_at as "decidedAt"`

const LEARNABLE = sql`(state = 'applied' or corrected_to is not null)`

export function createDecisions(db: Db): Decisions {
  const one = async (statement: SQL, tx: Tx = db) => (await tx.query<Decision>(statement))[0] ?? null
  return {
    record: (tx, decision, made) => record(tx, decision, made),
    settle: (runId, { state, assignee, correctedTo = null }: Settled) => sql`
      update decisions set state = ${state}, assignee = ${assignee}::text, corrected_to = coalesce(${correctedTo}::text, corrected_to)
      from held where decisions.run_id = ${runId}::uuid`,
    async isTaken({ repo, number, contentHash }, runId) {
      const found = await db.query(sql`
        select 1 from decisions d left join runs on runs.id = d.run_id
        where d.repo = ${repo.toLowerCase()} and d.number = ${number}::int and d.content_hash = ${contentHash}
          and d.run_id <> ${runId}::uuid and coalesce(runs.state, 'done') not in ('failed', 'cancelled')`)
      return found.length > 0
    },
    twin: ({ repo, number, contentHash }) =>
      one(sql`
      select ${COLUMNS} from decisions where repo = ${repo.toLowerCase()} and content_hash = ${contentHash} and number <> ${number}::int and ${LEARNABLE}
      order by (corrected_to is not null) desc, decided_at desc limit 1`),
    ofMemories: (repo, memoryIds) =>
      db.query<Past>(sql`
      select id, number, coalesce(corrected_to, kind) as kind, labels, memory_id as "memoryId",
        coalesce(corrected_to <> kind, false) as corrected, corrected_assignee as "correctedAssignee" from decisions
      where repo = ${repo.toLowerCase()} and memory_id = ${anyOf(memoryIds.map(String), "bigint")} and ${LEARNABLE} order by decided_at desc`),
    examples: (repo, limit) => examples(db, repo.toLowerCase(), limit),
    async version(repo) {
      const [row] = await db.query<{ count: number; corrections: string }>(sql`
        select count(*)::int as count, md5(coalesce(string_agg(id || corrected_to, ',' order by id), '')) as corrections from decisions where repo = ${repo.toLowerCase()} and ${LEARNABLE}`)
      return row ?? { count: 0, corrections: "" }
    },
    recent: ({ limit, repo }) =>
      db.query<Decision>(sql`
      select ${COLUMNS} from decisions where repo = coalesce(${repo?.toLowerCase() ?? null}::text, repo)
      order by decided_at desc, number desc limit ${limit}::int`),
    forIssue: (repo, number, via = db) =>
      one(
        sql`
      select ${COLUMNS} from decisions where repo = ${repo.toLowerCase()} and number = ${number}::int order by decided_at desc limit 1`,
        via,
      ),
    async correct(tx, id, kind) {
      const row = await one(
        sql`update decisions set corrected_to = ${kind} where id = ${id}::uuid returning ${COLUMNS}`,
        tx,
      )
      if (row) return row
      throw new Reject(404, `there is no decision ${id}`, { code: "not_found", fix: "list them with: vigil triage" })
    },
    async withdraw(tx, id) {
      await tx.query(sql`update decisions set state = 'declined', corrected_to = null where id = ${id}::uuid`)
    },
    async reassign(tx, id, login) {
      await tx.query(sql`update decisions set corrected_assignee = ${login} where id = ${id}::uuid`)
    },
    supersede: (tx, repo, number) => supersede(tx, { repo: repo.toLowerCase(), number }),
  }
}

/** @param by the run whose own approvals stay open. */
async function supersede(tx: Tx, { repo, number, by }: { repo: string; number: number; by?: string }): Promise<void> {
  await withdrawApprovals(
    tx,
    sql`select run_id from decisions where repo = ${repo} and number = ${number}::int and run_id is distinct from ${by ?? null}::uuid`,
  )
}

async function record(tx: Tx, d: NewDecision, made: Made): Promise<string> {
  const repo = d.repo.toLowerCase()
  const id = idOf(`decision:${repo}#${d.number}:${d.contentHash}`)
  await supersede(tx, { repo, number: d.number, by: made.runId })
  await tx.query(sql`
    insert into decisions (id, repo, number, content_hash, title, kind, confidence, reason, method, hard, labels, assignee, state,
      reused_from, run_id, memory_id, url, demo, decided_at)
    -- The id and the key come from the content, so a repetition meets the row that is there.
    values (${id}::uuid, ${repo}, ${d.number}::int, ${d.contentHash}, ${d.title}, ${d.kind}, ${d.confidence}::float8, ${d.reason}, ${d.method},
      ${d.hard}::boolean, ${json(d.labels)}, ${d.assignee}, ${made.state ?? "pending"}, ${d.reusedFrom}::uuid, ${made.runId}::uuid,
      ${made.memoryId}::bigint, ${d.url}, ${d.demo}::boolean, ${made.now}::timestamptz)
    -- The run that failed left its row. This run decides again, so everything but the content is replaced. Corrections stay.
    on conflict (repo, number, content_hash) do update set
      kind = excluded.kind, confidence = excluded.confidence, reason = excluded.reason, method = excluded.method, hard = excluded.hard,
      labels = excluded.labels, assignee = excluded.assignee, state = excluded.state, reused_from = excluded.reused_from,
      run_id = excluded.run_id, memory_id = excluded.memory_id, decided_at = excluded.decided_at`)
  return id
}

/** The body comes from the decision's memory, and is empty once that was forgotten. The title is in the row itself. */
async function examples(db: Db, repo: string, limit: number): Promise<Example[]> {
  const rows = await db.query<{ title: string; text: string | null; kind: Kind }>(sql`
    select d.title, m.text, coalesce(corrected_to, d.kind) as kind from decisions d
      left join memories m on m.id = d.memory_id and m.retracted_at is null
    where d.repo = ${repo} and ${LEARNABLE} order by decided_at desc, d.id limit ${limit}::int`)
  return rows.map(({ title, text, kind }) => ({ kind, title, body: bodyOf(text ?? "") }))
}

/** The body in the text of a decision's memory, which is the title, a line break, and the beginning of the body. */
export function bodyOf(memory: string): string {
  const end = memory.indexOf("\n")
  return end === -1 ? "" : memory.slice(end + 1)
}
