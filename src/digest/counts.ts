/** Counts: what a day's triage came to, counted by the database. No figure of a digest comes from anywhere else. */
import { sql } from "drizzle-orm"
import { ISSUE_KINDS } from "../contract/work/triage.ts"
import type { Tx } from "../db/db.ts"

export interface DayCounts {
  issues: number
  kinds: Record<(typeof ISSUE_KINDS)[number], number>
  /** Applied assignments, the most first. */
  assigned: { login: string; count: number }[]
  /** Issues whose decision was hard, by repository and number. */
  hard: HardIssue[]
  /** The day has only the demonstration's issues. */
  demo: boolean
}

export interface HardIssue {
  repo: string
  number: number
  /** As its author wrote it: untrusted. */
  title: string
}

/** `bug: 3, feature: 1, ...` as arguments of `jsonb_build_object`. */
const KINDS = sql.join(
  ISSUE_KINDS.map((kind) => sql`${kind}::text, count(*) filter (where kind = ${kind})`),
  sql`, `,
)

/**
 * Of `[from, to)`. An issue that was decided again counts once, as decided last, with a person's correction over the
 * first word. Demonstration issues count only on a day without real ones.
 */
export async function countDay(tx: Tx, { from, to }: { from: Date; to: Date }): Promise<DayCounts> {
  const [row] = await tx.query<DayCounts>(sql`
    with day as (
      select * from decisions where decided_at >= ${from}::timestamptz and decided_at < ${to}::timestamptz
    ), issues as (
      select distinct on (repo, number) repo, number, title, coalesce(corrected_to, kind) as kind, hard, assignee, state, demo
      from day where demo = not exists (select 1 from day where not demo)
      order by repo, number, decided_at desc, id desc
    ), people as (
      select assignee as login, count(*)::int as count from issues where assignee is not null and state = 'applied' group by 1
    )
    select count(*)::int as issues, coalesce(bool_or(demo), false) as demo,
      jsonb_build_object(${KINDS}) as kinds,
      (select coalesce(jsonb_agg(jsonb_build_object('login', login, 'count', count) order by count desc, login), '[]')
        from people) as assigned,
      coalesce(jsonb_agg(jsonb_build_object('repo', repo, 'number', number, 'title', title) order by repo, number)
        filter (where hard), '[]') as hard
    from issues`)
  if (row === undefined) throw new Error("counting gave no row")
  return row
}
