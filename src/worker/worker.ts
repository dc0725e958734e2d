/**
 * Worker: claims threads and runs them, a few at a time. It is woken by this process's own commits (the notifier), by
 * queue jobs from others, and by a sweep a second that finds whatever both missed. Several workers share a database safely.
 */
import type { Execute } from "../agent/durable/execute.ts"
import { Retry } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Notifier } from "../queue/notifier.ts"
import type { Claim, ClaimedRun, Leases } from "../thread/runs/lease.ts"
import { type Heartbeat, startHeartbeat } from "./lease-heartbeat.ts"

const SWEEP_MS = 1000

export interface WorkerDeps {
  leases: Leases
  execute: Execute
  notifier: Notifier
  log: Log
  /** Runs at the same time. */
  concurrency: number
  /** Done once a second, each on its own: what it throws is logged and tried again the next second. */
  chores: Record<string, () => Promise<void>>
}

export interface Worker {
  /** A thread may have work. */
  nudge(threadId: string): void
  /** Runs at work now. */
  busy(): number
  /** Takes nothing new, lets runs end for `graceMs`, then interrupts them: another worker goes on from the journal. */
  stop(graceMs: number): Promise<void>
}

export function startWorker(deps: WorkerDeps): Worker {
  const shutdown = new AbortController()
  const running = new Map<string, { hold: Heartbeat; done: Promise<void> }>()
  const wanted = new Set<string>()
  /** Claims on their way: what they bring must be ended too. */
  const claims = new Set<Promise<boolean>>()
  let stopping = false
  /** A sweep found no free hand, or the last claim of its kind took up somebody's run: the next hand looks for more of them. */
  let overdue = false
  const hasHand = () => !stopping && running.size + claims.size < deps.concurrency

  const pump = () => {
    // Before what is asked for by name, or a busy worker would never take over from one that died.
    if (overdue && hasHand()) void take()
    while (wanted.size > 0 && hasHand()) {
      const [threadId = ""] = wanted
      wanted.delete(threadId)
      void take(threadId)
    }
  }

  /** Claims and runs; true when there was something to claim. */
  const take = (threadId?: string): Promise<boolean> => {
    const taking = claimOne(deps, threadId).then((claim) => {
      claims.delete(taking)
      if (threadId === undefined) overdue = claim?.run?.fresh === false
      if (claim) begin(claim)
      else pump()
      return claim !== null
    })
    claims.add(taking)
    return taking
  }

  const begin = (claim: Claim) => {
    const held = startHeartbeat(deps.leases, claim, shutdown.signal)
    const done = serve(deps, claim, held)
      .then((more) => {
        if (more) wanted.add(claim.thread.id)
      })
      .finally(() => {
        running.delete(claim.thread.id)
        pump()
      })
    running.set(claim.thread.id, { hold: held, done })
  }

  const nudge = (threadId: string) => {
    void running.get(threadId)?.hold.check()
    if (running.has(threadId)) return
    wanted.add(threadId)
    pump()
  }

  const claimAll = async () => {
    while (hasHand() && (await take())) {
      // Each turn of this loop claimed a thread; it ends when none is ready or all hands are busy.
    }
  }

  const sweep = () => {
    for (const [name, chore] of Object.entries(deps.chores))
      chore().catch((error: unknown) => deps.log.error("chore_failed", { chore: name, error }))
    overdue = !hasHand()
    void claimAll()
  }
  sweep()
  const timer = setInterval(sweep, SWEEP_MS)

  const unsubscribe = deps.notifier.listen("work", nudge)
  return {
    nudge,
    busy: () => running.size,
    async stop(graceMs) {
      stopping = true
      unsubscribe()
      clearInterval(timer)
      const patience = setTimeout(
        () => shutdown.abort(new Retry("this worker is shutting down", { code: "shutdown" })),
        graceMs,
      )
      while (claims.size + running.size > 0)
        await Promise.all([...claims, ...[...running.values()].map((one) => one.done)])
      clearTimeout(patience)
    },
  }
}

/** A claim that fails finds nothing: the next sweep tries again. */
async function claimOne({ leases, log }: WorkerDeps, threadId?: string): Promise<Claim | null> {
  try {
    return await leases.claim(threadId)
  } catch (error) {
    log.error("claim_failed", { error })
    return null
  }
}

async function serve({ leases, execute, notifier, log }: WorkerDeps, claim: Claim, held: Heartbeat): Promise<boolean> {
  try {
    if (!hasRun(claim)) {
      await leases.release(claim.fence)
      return false
    }
    const started = performance.now()
    const { more, posted, unsent } = await execute(claim, held.signal)
    for (const threadId of unsent) notifier.notify("outbox", threadId)
    for (const threadId of posted) notifier.notify("thread", threadId)
    log.info("run", {
      run: claim.run.id,
      kind: claim.run.kind,
      thread: claim.thread.key,
      ms: Math.round(performance.now() - started),
    })
    return more
  } catch (error) {
    log.error("serve_failed", { thread: claim.thread.id, error })
    return false
  } finally {
    held.release()
  }
}

function hasRun(claim: Claim): claim is Claim & { run: ClaimedRun } {
  return claim.run !== null
}
