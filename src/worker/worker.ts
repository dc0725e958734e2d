/**
 * Worker: claims threads and runs them, a few at a time. The notifier wakes it after commits of this process, and a queue job
 * after commits of another. A sweep every second finds what both missed, so no thread with work is left. Several workers
 * share a database safely, because a claim gives a thread to one of them.
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
  /** How many runs work at the same time. */
  concurrency: number
  /** Called once a second, each independent of the others. An error is logged, and the next second is the next try. */
  chores: Record<string, () => Promise<void>>
}

export interface Worker {
  /** Tells that a thread may have work, or that its run may have a stop. */
  nudge(threadId: string): void
  /** How many runs work now. */
  busy(): number
  /** Claims nothing more, waits `graceMs` for the runs, then interrupts them. Another worker resumes them from the journal. */
  stop(graceMs: number): Promise<void>
}

export function startWorker(deps: WorkerDeps): Worker {
  const shutdown = new AbortController()
  /** By thread. */
  const running = new Map<string, { heartbeat: Heartbeat; done: Promise<void> }>()
  const wanted = new Set<string>()
  /** Claims that have no answer yet. A stop waits for them too, because each may bring a run. */
  const claims = new Set<Promise<boolean>>()
  let stopping = false
  /**
   * The next free slot claims any ready thread. True after a sweep without a free slot, and after such a claim took over
   * the run of another worker, since a dead worker may have left more of them.
   */
  let overdue = false
  const hasSlot = () => !stopping && running.size + claims.size < deps.concurrency

  const pump = () => {
    // Before the threads that were named, or a worker that is always busy would never take over from a dead one.
    if (overdue && hasSlot()) void take()
    while (wanted.size > 0 && hasSlot()) {
      const [threadId = ""] = wanted
      wanted.delete(threadId)
      void take(threadId)
    }
  }

  /** Claims the thread, or any that is ready, and runs it. Returns whether there was one to claim. */
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
    const heartbeat = startHeartbeat(deps.leases, claim, shutdown.signal)
    const done = serve(deps, claim, heartbeat)
      .then((more) => {
        if (more) wanted.add(claim.thread.id)
      })
      .finally(() => {
        running.delete(claim.thread.id)
        pump()
      })
    running.set(claim.thread.id, { heartbeat, done })
  }

  const nudge = (threadId: string) => {
    void running.get(threadId)?.heartbeat.check()
    if (running.has(threadId)) return
    wanted.add(threadId)
    pump()
  }

  const claimAll = async () => {
    while (hasSlot() && (await take())) {
      // Each round claims one thread. The loop ends when none is ready or no slot is free.
    }
  }

  const sweep = () => {
    for (const [name, chore] of Object.entries(deps.chores))
      chore().catch((error: unknown) => deps.log.error("chore_failed", { chore: name, error }))
    overdue = !hasSlot()
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
        await Promise.all([...claims, ...[...running.values()].map(({ done }) => done)])
      clearTimeout(patience)
    },
  }
}

/** Null also when the claim fails: the next sweep tries again. */
async function claimOne({ leases, log }: WorkerDeps, threadId?: string): Promise<Claim | null> {
  try {
    return await leases.claim(threadId)
  } catch (error) {
    log.error("claim_failed", { error })
    return null
  }
}

/** Runs a claimed thread. Returns whether more work waits on it. Never throws. */
async function serve(
  { leases, execute, notifier, log }: WorkerDeps,
  claim: Claim,
  heartbeat: Heartbeat,
): Promise<boolean> {
  try {
    if (!hasRun(claim)) {
      await leases.release(claim.fence)
      return false
    }
    const started = performance.now()
    const { more, posted, unsent } = await execute(claim, heartbeat.signal)
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
    heartbeat.release()
  }
}

function hasRun(claim: Claim): claim is Claim & { run: ClaimedRun } {
  return claim.run !== null
}
