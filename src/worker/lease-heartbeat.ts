/**
 * Lease heartbeat: renews the lease of a claimed thread while its run works. It stops the run when the lease is lost, because
 * another worker may then hold the thread, and when the person says stop.
 */
import { Cancelled } from "../agent/durable/signals.ts"
import { Fenced } from "../base/errors.ts"
import { type Claim, LEASE_SECONDS, type Leases } from "../thread/runs/lease.ts"

export interface Heartbeat {
  /** Fires with `Fenced` when the lease is lost, with `Cancelled` at a stop, and with the reason of `shutdown`. */
  signal: AbortSignal
  /** Renews now instead of at the next beat, so that a stop is seen at once. */
  check(): Promise<void>
  /** Ends the heartbeat; the lease itself stays. */
  release(): void
}

/** Renews three times in each lease period. @param shutdown fires when the worker stops and no longer waits for its runs. */
export function startHeartbeat(leases: Leases, claim: Claim, shutdown: AbortSignal): Heartbeat {
  const lost = new AbortController()
  const lastSeq = Math.max(0, ...(claim.run?.events.map((event) => event.seq) ?? []))
  let lastRenewal = Date.now()
  const renew = async () => {
    try {
      const news = await leases.renew(claim.fence)
      if (!news) lost.abort(new Fenced())
      else if (news.stopSeq > lastSeq) lost.abort(new Cancelled())
      lastRenewal = Date.now()
    } catch (cause) {
      // The run goes on while the database is away for a moment, and stops once the lease must have run out.
      if (Date.now() - lastRenewal > LEASE_SECONDS * 1000)
        lost.abort(new Fenced("the lease could not be renewed", { cause }))
    }
  }
  const timer = setInterval(() => void renew(), (LEASE_SECONDS * 1000) / 3)
  timer.unref()
  return { signal: AbortSignal.any([lost.signal, shutdown]), check: renew, release: () => clearInterval(timer) }
}
