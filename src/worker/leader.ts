/**
 * Leader: of all processes on one database, one at a time does a piece of work, such as polling. The leader renews its right
 * in the database. The right ends ten seconds after the last renewal, so another process follows a dead or hanging leader
 * within seconds.
 */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import { type Sleep, sleep as sleepFor } from "../base/timer.ts"
import type { Db } from "../db/db.ts"
import type { Kv } from "../db/kv.ts"

const NAMESPACE = "sole"
const HELD_MS = 10_000
const RENEW_MS = 3000
/** How often a process that does not lead looks whether the right is free. */
const LOOK_MS = 2000

export interface LeaderDeps {
  db: Db
  kv: Kv
  clock: Clock
  log: Log
  /** Id of this process, stored with the right for people who look at it. */
  owner: string
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: Sleep
}

/**
 * Does `work` while this process leads in `name`, until `signal` fires or `work` ends by itself. The signal given to `work`
 * also fires when the right is lost; the process then waits for `work` to end and asks for the right again. Throws what
 * `work` throws.
 */
export type Leader = (name: string, work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) => Promise<void>

export function createLeader(deps: LeaderDeps): Leader {
  const { db, kv, clock, log, owner, sleep = sleepFor } = deps
  const pause = (ms: number, signal: AbortSignal) => sleep(ms, signal).catch(() => {})
  const set = (name: string, ifVersion: number, ms: number) =>
    kv.set(db, NAMESPACE, name, { owner }, { ifVersion, expiresAt: new Date(clock.now().getTime() + ms) })

  async function claim(name: string): Promise<number | null> {
    try {
      return await set(name, 0, HELD_MS)
    } catch (error) {
      log.warn("sole_claim_failed", { name, error })
      return null
    }
  }

  /** The next version of the row; null when the right was lost; the same version while the database is away for a moment. */
  async function renew(name: string, version: number, renewedAt: number): Promise<number | null> {
    try {
      return await set(name, version, HELD_MS)
    } catch (error) {
      if (clock.now().getTime() - renewedAt < HELD_MS) return version
      log.warn("sole_renewal_failed", { name, error })
      return null
    }
  }

  /** Renews until `ended` fires. Returns the version with which to give the right back; null when the right was lost. */
  async function keep(name: string, first: number, lost: AbortController, ended: AbortSignal): Promise<number | null> {
    let version: number | null = first
    let renewedAt = clock.now().getTime()
    while (version !== null) {
      await pause(RENEW_MS, ended)
      if (ended.aborted) return version
      const next = await renew(name, version, renewedAt)
      if (next !== version) renewedAt = clock.now().getTime()
      version = next
    }
    lost.abort()
    return null
  }

  /** Does the work. Returns whether it ended by itself, not because the right was lost. */
  async function lead(
    name: string,
    version: number,
    work: Parameters<Leader>[1],
    signal: AbortSignal,
  ): Promise<boolean> {
    const lost = new AbortController()
    const ended = new AbortController()
    const keeping = keep(name, version, lost, ended.signal)
    log.info("sole_held", { name })
    try {
      await work(AbortSignal.any([signal, lost.signal]))
      return !lost.signal.aborted
    } finally {
      ended.abort()
      const last = await keeping
      // The right is given back at once, so that the next process does not wait until it ends.
      if (last !== null) await set(name, last, 0).catch(() => null)
    }
  }

  return async (name, work, signal) => {
    // The embedded database has one process, so there is nobody to compete with.
    if (db.kind === "pglite") return work(signal)
    while (!signal.aborted) {
      const version = await claim(name)
      if (version !== null && (await lead(name, version, work, signal))) return
      await pause(LOOK_MS, signal)
    }
  }
}
