/**
 * Ledger: the money of model calls, reserved before a call and settled after it.
 * L1 No reservation passes a cap, however many are made at once: one lock covers the sum and the insert.
 * L2 One op id reserves once, because a call that is repeated after a crash is the same call.
 * L3 A call without a known price counts with its reservation. Its cost stays null and is never 0.
 * L4 A refused reservation writes nothing.
 * A call that costs more than its reservation can pass the cap; the next call is then refused.
 */
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

/** Key of the advisory lock. An arbitrary number that nothing else uses. */
const LOCK_KEY = 52_845_214

/** Reserves money for a call. Returns the cap that the call would pass, or null when the money is reserved. */
export async function reserve(db: Db, r: Reservation, caps: Caps): Promise<"day" | "month" | null> {
  return db.transaction(async (tx) => {
    // L1: held until the commit, so the next reservation sees this one in its sum.
    await tx.query(sql`select pg_advisory_xact_lock(${LOCK_KEY}::bigint)`)
    // L3: without a cost the reservation counts. L2: a repeated call does not count against itself.
    const [spent] = await tx.query<{ day: number; month: number }>(sql`
      select coalesce(sum(coalesce(cost_usd, reserved_usd)) filter (where day = ${r.day}::date), 0) as day,
        coalesce(sum(coalesce(cost_usd, reserved_usd)), 0) as month
      from ledger where day >= date_trunc('month', ${r.day}::date)::date and day <= ${r.day}::date and op_id <> ${r.opId}::uuid`)
    // L4: both returns come before the insert.
    if (caps.daily !== undefined && (spent?.day ?? 0) + r.amount > caps.daily) return "day"
    if (caps.monthly !== undefined && (spent?.month ?? 0) + r.amount > caps.monthly) return "month"
    // L2: the key is the op id.
    await tx.query(sql`
      insert into ledger (op_id, run_id, day, model, reserved_usd, state, at)
      values (${r.opId}, ${r.runId}, ${r.day}::date, ${r.model}, ${r.amount}::double precision, 'reserved', now())
      on conflict (op_id) do nothing`)
    return null
  })
}

/** Settles a call. @param cost in US dollars; null when the price is unknown (L3). */
export async function settleReservation(db: Db, opId: string, model: string, cost: number | null): Promise<void> {
  await db.query(sql`
    update ledger set state = 'settled', model = ${model}, cost_usd = ${cost}::double precision where op_id = ${opId}`)
}
