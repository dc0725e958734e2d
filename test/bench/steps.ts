/** Steps: how many webhooks a second an installation takes, and what becomes of those beyond. */
import type { DatabaseKind } from "../support/database.ts"
import type { Shot } from "./generator.ts"
import { startLoaded } from "./load.ts"

export interface LoadFigures {
  /** Each step that was tried, in order. */
  steps: { rate: number; shot: Shot }[]
  /** The highest rate that held: every webhook taken, 99 of 100 within a second. */
  held: number
  /** Far beyond it. */
  flood: { rate: number; shot: Shot }
  /** Milliseconds from the last answer until nothing was under way; null when it was not waited for any longer. */
  settledMs: number | null
  violations: string[]
}

const WITHIN_MS = 1000
const SETTLE_MS = 300_000
const FLOOD_SECONDS = 5

export async function benchLoad(kind: DatabaseKind, rates: number[], seconds: number): Promise<LoadFigures> {
  const product = await startLoaded(kind)
  const steps: LoadFigures["steps"] = []
  let held = 0
  for (const rate of rates) {
    const shot = await product.shoot(rate, seconds)
    steps.push({ rate, shot })
    if (shot.acknowledged.length < shot.sent || shot.took.p99 > WITHIN_MS) break
    held = rate
  }
  const rate = 4 * Math.max(held, rates[0] ?? 1)
  const flood = { rate, shot: await product.shoot(rate, FLOOD_SECONDS) }
  const settledMs = await product.settle(SETTLE_MS)
  const violations = await product.violations()
  await product.stop()
  return { steps, held, flood, settledMs, violations }
}
