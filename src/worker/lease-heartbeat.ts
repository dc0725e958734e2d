/** Hold: keeps a claimed thread's lease alive while its run works, and stops the run when the lease is lost or the person says stop. */
import { Cancelled } from "../agent/durable/signals.ts"
import { Fenced } from "../base/errors.ts"
import { type Claim, LEASE_SECONDS, type Leases } from "../thread/runs/lease.ts"

export interface Heartbeat {
  signal: AbortSignal
  /** Asks at once whether there is a stop, instead of at the next renewal. */
  check(): Promise<void>
  release(): void
}

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
      // A database that is away for a moment is no reason to stop; once the lease must have run out, it is.
      if (Date.now() - lastRenewal > LEASE_SECONDS * 1000)
        lost.abort(new Fenced("the lease could not be renewed", { cause }))
    }
  }
  const timer = setInterval(() => void renew(), (LEASE_SECONDS * 1000) / 3)
  timer.unref()
  return { signal: AbortSignal.any([lost.signal, shutdown]), check: renew, release: () => clearInterval(timer) }
}
