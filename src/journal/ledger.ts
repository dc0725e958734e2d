/** Ledger: money reserved before a model call and settled after it. Sums are taken under one lock, so caps hold under races. */
import { sql } from "drizzle-orm"
import type { Db } from "../db/db.ts"

/** US dollars. */
export interface Caps {
  daily?: number
  monthly?: number
}

export interface Reservation {
  opId: string
  runId: string
  /** `YYYY-MM-DD` */
  day: string
  model: string
  /** US dollars. */
  amount: number
}

const LOCK_KEY = 52_845_214

/** Reserves, or says which cap stands in the way. The same op id reserves once. */
export async function reserve(db: Db, r: Reservation, caps: Caps): Promise<"day" | "month" | null> {
  return db.transaction(async (tx) => {
    await tx.query(sql`select pg_advisory_xact_lock(${LOCK_KEY}::bigint)`)
    const [spent] = await tx.query<{ day: number; month: number }>(sql`
      select coalesce(sum(coalesce(cost_usd, reserved_usd)) filter (where day = ${r.day}::date), 0) as day,
        coalesce(sum(coalesce(cost_usd, reserved_usd)), 0) as month
      from ledger where day >= date_trunc('month', ${r.day}::date)::date and day <= ${r.day}::date and op_id <> ${r.opId}::uuid`)
    if (caps.daily !== undefined && (spent?.day ?? 0) + r.amount > caps.daily) return "day"
    if (caps.monthly !== undefined && (spent?.month ?? 0) + r.amount > caps.monthly) return "month"
    await tx.query(sql`
      insert into ledger (op_id, run_id, day, model, reserved_usd, state, at)
      values (${r.opId}, ${r.runId}, ${r.day}::date, ${r.model}, ${r.amount}::double precision, 'reserved', now())
      on conflict (op_id) do nothing`)
    return null
  })
}

/** `cost` null: the price is unknown; the reservation then stands for it in the sums. */
export async function settleReservation(db: Db, opId: string, model: string, cost: number | null): Promise<void> {
  await db.query(sql`
    update ledger set state = 'settled', model = ${model}, cost_usd = ${cost}::double precision where op_id = ${opId}`)
}
