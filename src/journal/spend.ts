/** Spend: what model calls cost, summed from the journal. A call without a known price is counted as such, never as free. */
import { sql } from "drizzle-orm"
import type { Tx } from "../db/db.ts"

export interface Sum {
  calls: number
  tokens: number
  /** US dollars, for the calls with a known price. */
  usd: number
  /** Calls without a known price. */
  unpriced: number
}

export interface Spend {
  today: Sum
  month: Sum
  byModel: (Sum & { model: string })[]
}

/** Spend of the UTC day and month of `now`. @param personId counts only the runs that this person's messages started. */
export async function spendOf(tx: Tx, now: Date, personId?: string): Promise<Spend> {
  const whose = personId
    ? sql`and run_id in (select runs.id from runs join inbox on inbox.id = trigger_id where person_id = ${personId}::uuid)`
    : sql``
  const rows = await tx.query<Sum & { model: string; isToday: boolean }>(sql`
    select coalesce(result ->> 'model', '') as model, at >= date_trunc('day', ${now}::timestamptz, 'UTC') as "isToday",
      count(*) as calls, coalesce(sum(input_tokens + output_tokens), 0)::bigint as tokens, coalesce(sum(cost_usd), 0) as usd,
      count(*) filter (where cost_usd is null) as unpriced
    from journal where kind = 'model' and phase = 'outcome' and at >= date_trunc('month', ${now}::timestamptz, 'UTC') ${whose}
    group by 1, 2`)
  const models = [...new Set(rows.map((row) => row.model))]
  return {
    today: total(rows.filter((row) => row.isToday)),
    month: total(rows),
    byModel: models.map((model) => ({ model, ...total(rows.filter((row) => row.model === model)) })),
  }
}

function total(rows: Sum[]): Sum {
  const sum = (of: (row: Sum) => number) => rows.reduce((all, row) => all + of(row), 0)
  return {
    calls: sum((r) => r.calls),
    tokens: sum((r) => r.tokens),
    usd: sum((r) => r.usd),
    unpriced: sum((r) => r.unpriced),
  }
}
