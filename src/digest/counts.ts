/**
 * Counts: the figures of one day of triage. The database counts them, and no figure of a digest comes from anywhere else.
 */
import { sql } from "drizzle-orm"
import { ISSUE_KINDS } from "../contract/work/triage.ts"
import type { Tx } from "../db/db.ts"

export interface DayCounts {
  issues: number
  kinds: Record<(typeof ISSUE_KINDS)[number], number>
  /** Applied assignments by person, the person with the most first. */
  assigned: { login: string; count: number }[]
  /** Issues with a hard decision, in the order of repository and number. */
  hard: HardIssue[]
  /** True when the day has only issues of the demonstration. */
  demo: boolean
}

export interface HardIssue {
  repo: string
  number: number
  /** The title as its author wrote it: untrusted. */
  title: string
}

/** The count of each kind, as arguments of `jsonb_build_object`: `bug: 3, feature: 1, ...`. */
const KINDS = sql.join(
  ISSUE_KINDS.map((kind) => sql`${kind}::text, count(*) filter (where kind = ${kind})`),
  sql`, `,
)

/**
 * Counts the decisions in `[from, to)`. An issue counts once, by its last decision, and a person's correction of the kind
 * replaces the decided kind. Issues of the demonstration count only on a day without real ones.
 */
export async function countDay(tx: Tx, { from, to }: { from: Date; to: Date }): Promise<DayCounts> {
  const [row] = await tx.query<DayCounts>(sql`
    with day as (
      -- All decisions of the day.
      select * from decisions where decided_at >= ${from}::timestamptz and decided_at < ${to}::timestamptz
    ), issues as (
      -- The last decision of each issue. One real issue excludes those of the demonstration.
      select distinct on (repo, number) repo, number, title, coalesce(corrected_to, kind) as kind, hard, assignee, state, demo
      from day where demo = not exists (select 1 from day where not demo)
      order by repo, number, decided_at desc, id desc
    ), people as (
      -- Only applied decisions: what was proposed and not applied assigned nobody.
      select assignee as login, count(*)::int as count from issues where assignee is not null and state = 'applied' group by 1
    )
    -- One row also for a day without issues, so empty lists and false stand in for null.
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
