/** Spend: what model calls cost, and the caps. A call without a known price is counted apart, never taken for free. */
import { z } from "zod"

const sum = z.object({
  calls: z.number(),
  tokens: z.number(),
  /** US dollars, of the calls with a known price. */
  usd: z.number(),
  /** Calls without a known price. */
  unpriced: z.number(),
})

export const spendAnswer = z.object({
  /** The day and the month in UTC. */
  today: sum,
  month: sum,
  /** Of the month. */
  byModel: z.array(sum.extend({ model: z.string() })),
  /** US dollars; null where none is set. */
  caps: z.object({ dailyUsd: z.number().nullable(), monthlyUsd: z.number().nullable() }),
})
export type SpendAnswer = z.output<typeof spendAnswer>
