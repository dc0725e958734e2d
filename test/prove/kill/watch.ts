/**
 * Watch: how long a killed worker's threads wait for another one, as the leases themselves say it: who takes a thread over
 * takes it no earlier than the last lease of the one before ran out; who gives a thread back gives it back earlier.
 */
import { sql } from "drizzle-orm"
import type { Db } from "../../../src/db/db.ts"
import { LEASE_SECONDS } from "../../../src/thread/runs/lease.ts"
import type { Evidence } from "../../durability/evidence.ts"

const LOOK_MS = 100
/** Within this after a freeze the frozen worker's threads are taken over: a lease, a sweep, and a busy machine. */
const FROZEN_MS = 15_000

interface Seen {
  thread: string
  owner: string
  epoch: number
  leaseUntil: Date
  /** By the database's clock, while it looked. */
  seenAt: Date
}

export interface Takeover {
  /** The worker that lost the thread. */
  from: string
  /** Milliseconds since the epoch. */
  at: number
}

export interface Watched {
  /** Milliseconds from each kill to each takeover that it caused. */
  recoveries: number[]
  /** When threads were taken over from workers that nobody had killed or frozen: a busy machine let them sleep past their leases. */
  starved: Date[]
}

interface Interruption {
  at: number
  wasFrozen: boolean
}

export interface Watch {
  /** @param interruptions what was done to workers, in order. */
  stop(interruptions: Interruption[]): Promise<Watched>
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
      return judged(takeovers, alive, interruptions)
    },
  }
}

/**
 * A takeover is explained by what was done to its worker after its last sign of life; or by a freeze shortly before it, after
 * which the worker lived on.
 * @param alive when each worker last renewed a lease.
 */
export function judged(
  takeovers: readonly Takeover[],
  alive: ReadonlyMap<string, number>,
  interruptions: readonly Interruption[],
): Watched {
  const watched: Watched = { recoveries: [], starved: [] }
  for (const { from, at } of takeovers) {
    const cause = interruptions.find((one) => one.at >= (alive.get(from) ?? 0))
    if (cause && cause.at <= at) watched.recoveries.push(...(cause.wasFrozen ? [] : [at - cause.at]))
    else if (!interruptions.some((one) => one.wasFrozen && one.at <= at && at - one.at < FROZEN_MS))
      watched.starved.push(new Date(at))
  }
  return watched
}

/** The value below which so large a share lies; 0 of nothing. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
