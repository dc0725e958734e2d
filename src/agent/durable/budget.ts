/**
 * Money: the hard caps. With a cap set, the most a call can cost is reserved before it and settled after it; reservations
 * are made one at a time, so the cap is never passed by more than one call, however many workers there are.
 */
import { Limit } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import { type Caps, reserve, settleReservation } from "../../journal/ledger.ts"
import type { ModelRequest, ModelResult } from "../../model/model.ts"

/** A call whose price its caller knows. */
export interface Priced {
  model: string
  /** The most it can cost in US dollars; null when unpriced. */
  amount: number | null
}

export interface Budget {
  /** Throws `Limit` (`day` or `month`) when the call could pass a cap. Without caps it costs nothing. */
  reserve(opId: string, runId: string, call: ModelRequest | Priced): Promise<void>
  settle(opId: string, result: Pick<ModelResult, "model" | "cost">): Promise<void>
}

export interface BudgetDeps {
  db: Db
  caps: Caps
  /** The most a request can cost, in US dollars; null when its price is unknown. */
  estimate: (request: ModelRequest) => number | null
  /** The owner's local day, `YYYY-MM-DD`. */
  today: () => string
}

export function createBudget({ db, caps, estimate, today }: BudgetDeps): Budget {
  const capped = caps.daily !== undefined || caps.monthly !== undefined
  return {
    async reserve(opId, runId, call) {
      if (!capped) return
      const amount = "amount" in call ? call.amount : estimate(call)
      const passed = await reserve(
        db,
        { opId, runId, day: today(), model: call.model ?? "", amount: amount ?? 0 },
        caps,
      )
      if (passed)
        throw new Limit(passed, `the ${passed}'s budget is used up`, {
          fix: `raise ${passed === "day" ? "DAILY" : "MONTHLY"}_BUDGET_USD, or wait`,
        })
    },
    async settle(opId, result) {
      if (capped) await settleReservation(db, opId, result.model, result.cost)
    },
  }
}
