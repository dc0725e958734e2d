/**
 * Sole: of all processes on one database, one at a time does a thing. The right to it ends by itself ten seconds after its
 * holder was last heard of, so a process that dies, or hangs, is followed by the next one within seconds.
 */
import type { Clock } from "../base/clock.ts"
import type { Log } from "../base/log.ts"
import { type Sleep, sleep as sleepFor } from "../base/timer.ts"
import type { Db } from "../db/db.ts"
import type { Kv } from "../db/kv.ts"

const NAMESPACE = "sole"
const HELD_MS = 10_000
const RENEW_MS = 3000
/** How often those in the second row look whether the right is free. */
const LOOK_MS = 2000

export interface LeaderDeps {
  db: Db
  kv: Kv
  clock: Clock
  log: Log
  /** Whose right it is, for people who look. */
  owner: string
  /** Resolves after `ms`, or rejects when the signal fires. */
  sleep?: Sleep
}

/**
 * Does `work` whenever this process has the right to `name`, until `signal` fires or `work` ends by itself. The signal
 * given to `work` fires when the right is lost too; then it is waited for, and asked for again.
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

  /** The next version, null when the right was lost, or the same while the database is away for a moment. */
  async function renew(name: string, version: number, renewedAt: number): Promise<number | null> {
    try {
      return await set(name, version, HELD_MS)
    } catch (error) {
      if (clock.now().getTime() - renewedAt < HELD_MS) return version
      log.warn("sole_renewal_failed", { name, error })
      return null
    }
  }

  /** Renews until `ended` fires; returns the version to give back, or null when the right was lost. */
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

  /** Whether `work` came to its own end. */
  async function hold(
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
      // Given back at once: the next process need not wait for the end of it.
      if (last !== null) await set(name, last, 0).catch(() => null)
    }
  }

  return async (name, work, signal) => {
    // The embedded database has one process: whoever else could do it is dead.
    if (db.kind === "pglite") return work(signal)
    while (!signal.aborted) {
      const version = await claim(name)
      if (version !== null && (await hold(name, version, work, signal))) return
      await pause(LOOK_MS, signal)
    }
  }
}
