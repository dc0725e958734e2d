/**
 * Opt-out: a provider that refuses because the person wrote STOP knows better than we do, as their word may never have
 * come to us. It is kept, so that what follows goes another way from the start; START takes it back, and so does writing to
 * a bot that was blocked.
 */
import { type SQL, sql } from "drizzle-orm"
import type { Clock } from "../../base/clock.ts"
import type { Tx } from "../../db/db.ts"
import { codeIn, type Outbox } from "./outbox.ts"

/** The same outbox, which learns who opted out from what fails. */
export function withOptOut(outbox: Outbox, { db, clock }: { db: Tx; clock: Clock }): Outbox {
  const mark = (which: SQL) =>
    db.query(sql`
      update addresses set opted_out_at = coalesce(opted_out_at, ${clock.now()}::timestamptz) from outbox
      where ${which} and addresses.channel = outbox.channel and addresses.target = outbox.target`)
  return {
    ...outbox,
    async failed(id, error) {
      if (isOptOut(error)) await mark(sql`outbox.id = ${id}::uuid`)
      await outbox.failed(id, error)
    },
    async reported(report) {
      const { channel, providerId, outboxId, state, error } = report
      if (state === "failed" && isOptOut(error)) {
        const ids = sql`outbox.channel = ${channel} and string_to_array(outbox.provider_id, ',') @> array[${providerId}::text]`
        await mark(outboxId ? sql`outbox.channel = ${channel} and outbox.id = ${outboxId}::uuid` : ids)
      }
      return outbox.reported(report)
    },
  }
}

/** The carrier's word on STOP, and a messenger's on a person who blocked the bot. */
const CODES = ["opted_out", "blocked"]

const isOptOut = (error: unknown): boolean => CODES.includes(codeIn(error) ?? "")
