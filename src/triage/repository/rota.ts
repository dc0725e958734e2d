/**
 * Rota: who is on call for a new bug. A turn begins at midnight in the time zone of the rota, because the days are those of
 * the team; this holds on the days when the clocks change too.
 */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type Rota, rotaSchema } from "../../contract/work/triage.ts"
import type { Tx } from "../../db/db.ts"
import type { Kv } from "../../db/kv.ts"

/** The login on call at `at`; null before the start of the rota. @param zone for a rota that names no zone. */
export function onCall(rota: Rota, at: Date, zone: string): string | null {
  const today = Temporal.Instant.fromEpochMilliseconds(at.getTime())
    .toZonedDateTimeISO(rota.zone ?? zone)
    .toPlainDate()
  const covers = (from: string, to: string) =>
    Temporal.PlainDate.compare(from, today) <= 0 && Temporal.PlainDate.compare(today, to) <= 0
  const override = rota.overrides.findLast(({ from, to }) => covers(from, to))
  if (override) return override.login
  const days = Temporal.PlainDate.from(rota.start).until(today, { largestUnit: "day" }).days
  if (days < 0) return null
  return rota.logins[Math.floor(days / rota.everyDays) % rota.logins.length] ?? null
}

export interface Rotas {
  /** The repository's own rota, or else the rota of all repositories (`*`); null when there is neither. */
  get(repo: string): Promise<Rota | null>
  /** Stores a rota. @param repo `owner/name`, or `*` for all. Throws `Reject` (400) when `rota` does not fit the schema. */
  set(tx: Tx, repo: string, rota: unknown): Promise<Rota>
  onCall(repo: string, at: Date): Promise<string | null>
}

/** @param zone for rotas that name no zone. It is called each time, because the owner's zone may become known later. */
export function createRotas({ kv, zone }: { kv: Pick<Kv, "get" | "set">; zone: () => string }): Rotas {
  async function get(repo: string): Promise<Rota | null> {
    const own = await kv.get("triage", key(repo))
    const entry = own ?? (await kv.get("triage", key("*")))
    return entry ? rotaSchema.parse(entry.value) : null
  }
  return {
    get,
    async set(tx, repo, rota) {
      const parsed = rotaSchema.safeParse(rota)
      if (!parsed.success) {
        throw new Reject(400, `that is not a rota: ${z.prettifyError(parsed.error)}`, {
          code: "bad_rota",
          fix: 'give { start: "2026-01-05", everyDays: 7, logins: ["ana", "ben"] }',
        })
      }
      await kv.set(tx, "triage", key(repo), parsed.data)
      return parsed.data
    },
    async onCall(repo, at) {
      const rota = await get(repo)
      return rota && onCall(rota, at, zone())
    },
  }
}

function key(repo: string): string {
  return `rota:${repo.toLowerCase()}`
}
