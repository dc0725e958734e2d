/**
 * Worker: claims threads and runs them, a few at a time. It is woken by this process's own commits (the bell), by
 * queue jobs from others, and by a sweep a second that finds whatever both missed. Several workers share a database safely.
 */
import type { Execute } from "../agent/execute.ts"
import { Retry } from "../base/errors.ts"
import type { Log } from "../base/log.ts"
import type { Bell } from "../thread/bell.ts"
import type { Claim, ClaimedRun, Leases } from "../thread/lease.ts"
import { type Hold, hold } from "./hold.ts"

const SWEEP_MS = 1000

export interface WorkerDeps {
  leases: Leases
  execute: Execute
  bell: Bell
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
  const running = new Map<string, { hold: Hold; done: Promise<void> }>()
  const wanted = new Set<string>()
  let stopping = false
  let claiming = 0

  const pump = () => {
    while (!stopping && wanted.size > 0 && running.size + claiming < deps.concurrency) {
      const [threadId = ""] = wanted
      wanted.delete(threadId)
      void take(threadId)
    }
  }

  /** Claims and runs; true when there was something to claim. */
  const take = async (threadId?: string): Promise<boolean> => {
    claiming++
    let claim: Claim | null = null
    try {
      claim = await deps.leases.claim(threadId)
    } catch (error) {
      deps.log.error("claim_failed", { error })
    } finally {
      claiming--
    }
    if (claim) begin(claim)
    else pump()
    return claim !== null
  }

  const begin = (claim: Claim) => {
    const held = hold(deps.leases, claim, shutdown.signal)
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
    while (!stopping && running.size + claiming < deps.concurrency && (await take())) {
      // Each turn of this loop claimed a thread; it ends when none is ready or all hands are busy.
    }
  }

  const sweep = () => {
    for (const [name, chore] of Object.entries(deps.chores))
      chore().catch((error: unknown) => deps.log.error("chore_failed", { chore: name, error }))
    void claimAll()
  }
  sweep()
  const timer = setInterval(sweep, SWEEP_MS)

  const deaf = deps.bell.on("work", nudge)
  return {
    nudge,
    busy: () => running.size,
    async stop(graceMs) {
      stopping = true
      deaf()
      clearInterval(timer)
      const all = Promise.all([...running.values()].map((one) => one.done))
      const patience = setTimeout(
        () => shutdown.abort(new Retry("this worker is shutting down", { code: "shutdown" })),
        graceMs,
      )
      await all
      clearTimeout(patience)
    },
  }
}

async function serve({ leases, execute, bell, log }: WorkerDeps, claim: Claim, held: Hold): Promise<boolean> {
  try {
    if (!hasRun(claim)) {
      await leases.release(claim.fence)
      return false
    }
    const started = performance.now()
    const { more, posted } = await execute(claim, held.signal)
    for (const threadId of posted) {
      bell.ring("outbox", threadId)
      bell.ring("thread", threadId)
    }
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
