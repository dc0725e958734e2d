/**
 * Watch: how long a killed worker's threads wait for another one, as the leases themselves say it: who takes a thread over
 * takes it no earlier than the last lease of the one before ran out; who gives a thread back gives it back earlier.
 */
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { LEASE_SECONDS } from "../../../src/thread/runs/lease.ts"
import type { Evidence } from "../../durability/evidence.ts"

const LOOK_MS = 100

interface Seen {
  thread: string
  owner: string
  epoch: number
  leaseUntil: Date
  /** By the database's clock, while it looked. */
  seenAt: Date
}

interface Takeover {
  /** The worker that lost the thread. */
  from: string
  /** Milliseconds since the epoch. */
  at: number
}

export interface Watch {
  /** Milliseconds from each kill to each takeover that it caused. @param interruptions what was done to workers, in order. */
  stop(interruptions: { at: number; wasFrozen: boolean }[]): Promise<number[]>
  /** Each time a thread was taken, as far as it was seen, and when: by then it was committed. */
  claims: Evidence["claims"]
}

export function watchLeases(db: Db): Watch {
  const holders = new Map<string, Seen>()
  const alive = new Map<string, number>()
  const takeovers: Takeover[] = []
  const claims: Evidence["claims"] = []
  let isOver = false

  function note(now: Seen): void {
    const renewedAt = now.leaseUntil.getTime() - LEASE_SECONDS * 1000
    const before = holders.get(now.thread)
    if (before && before.owner !== now.owner && renewedAt >= before.leaseUntil.getTime())
      takeovers.push({ from: before.owner, at: renewedAt })
    if (before?.epoch !== now.epoch) claims.push({ threadId: now.thread, epoch: now.epoch, at: now.seenAt })
    holders.set(now.thread, now)
    alive.set(now.owner, Math.max(renewedAt, alive.get(now.owner) ?? 0))
  }

  async function look(): Promise<void> {
    while (!isOver) {
      const held = await db.query<Seen>(sql`
        select id as thread, owner, epoch, lease_until as "leaseUntil", clock_timestamp() as "seenAt" from threads where owner is not null`)
      const now = new Set(held.map(({ thread }) => thread))
      for (const thread of holders.keys()) if (!now.has(thread)) holders.delete(thread)
      for (const one of held) note(one)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
  const looking = look()

  return {
    claims,
    async stop(interruptions) {
      isOver = true
      await looking
      return takeovers.flatMap(({ from, at }) => {
        const cause = interruptions.find((one) => one.at >= (alive.get(from) ?? 0))
        return cause === undefined || cause.wasFrozen || cause.at > at ? [] : [at - cause.at]
      })
    },
  }
}

/** The value below which so large a share lies; 0 of nothing. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
