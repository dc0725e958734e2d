/**
 * Execute: takes a claimed run to one of its ends: done, waiting for a person, to be tried again, or a dead letter after three
 * tries with its sender told. Whatever happens, the thread is let go, and the next message is not stuck behind this one.
 */
import type { SQL } from "drizzle-orm"
import { codeOf, Deny, Fenced, Limit, Misconfigured, messageOf, Reject, Retry, VigilError } from "../../base/errors.ts"
import { mix } from "../../base/label.ts"
import type { Log } from "../../base/log.ts"
import { isDatabaseAway } from "../../db/errors.ts"
import { entriesOf } from "../../journal/journal.ts"
import type { Model } from "../../model/model.ts"
import type { EventKind } from "../../thread/inbox/event.ts"
import type { Post } from "../../thread/outbox/outbox.ts"
import { OWNER_ID } from "../../thread/people/people.ts"
import { type Ending, finish, postpone } from "../../thread/runs/finish.ts"
import type { Claim, ClaimedRun } from "../../thread/runs/lease.ts"
import type { Tool } from "../../tools/tool.ts"
import type { Budget } from "./budget.ts"
import { createCallTool } from "./call-tool.ts"
import type { Executed, Handler, RunContext, RunOutcome } from "./run-context.ts"
import { Cancelled, Diverged, Suspend } from "./signals.ts"
import { createSteps } from "./steps.ts"
import { type SuspendDeps, suspendRun } from "./suspend.ts"

const TRIES = 3
const MAX_DELAY_MS = 60_000
/** Until a run is tried again whose database was away. */
const AWAY_DELAY_MS = 2000
/** How often a run may be gone through again because messages came in just as it ended. */
const REWINDS = 20

export interface ExecuteDeps extends SuspendDeps {
  log: Log
  model: Model
  budget: Budget
  tools: ReadonlyMap<string, Tool>
  handlers: Record<EventKind, Handler>
  scrub: (text: string) => string
  /** Zone for people who never said theirs. */
  defaultZone: string
  /** Told of each tool a run calls, just before; what it makes of it never matters to the run. */
  onTool?: (runId: string, tool: string) => void
}

export type Execute = (claim: Claim & { run: ClaimedRun }, signal: AbortSignal) => Promise<Executed>

export function createExecute(deps: ExecuteDeps): Execute {
  return async (claim, signal) => {
    const context = await prepare(deps, claim, signal)
    const handler = deps.handlers[claim.run.kind]
    try {
      if (claim.run.attempts >= TRIES) throw new Reject(500, "it crashed the worker three times", { code: "crashed" })
      return await perform(deps, claim, context, handler)
    } catch (error) {
      return endWithError(deps, { claim, context, handler, error, signal })
    }
  }
}

async function prepare(
  deps: ExecuteDeps,
  claim: Claim & { run: ClaimedRun },
  signal: AbortSignal,
): Promise<RunContext> {
  const { run, thread, fence } = claim
  const { person } = run
  const recorded = run.fresh ? [] : await entriesOf(deps.db, run.id)
  if (!person)
    throw new Misconfigured("the installation has no owner", { fix: "restart Vigil: it makes the owner's row at boot" })
  const zone = person.zone ?? deps.defaultZone
  const { db, clock, tools, model, budget, scrub, onTool } = deps
  const steps = createSteps({
    ...{ db, clock, scrub, model, budget, signal, fence, recorded },
    runId: run.id,
    lastSeq: Math.max(...run.events.map((event) => event.seq)),
    news: claim,
    label: mix(run.label, ...run.events.map((event) => event.label)),
  })
  const now = clock.now.bind(clock)
  const ticks = clock.ticks?.bind(clock) ?? (() => now().getTime())
  const tell = onTool && { onTool: (tool: string) => onTool(run.id, tool) }
  const actWith: RunContext["actWith"] = (grants) =>
    createCallTool({ ...{ db, steps, tools, person, zone, grants, now }, threadId: thread.id, ...tell })
  return { run, thread, person, zone, steps, actWith, now, ticks }
}

/** Runs the handler to its end; again from its journal when messages came in at the last moment. */
async function perform(deps: ExecuteDeps, claim: Claim, context: RunContext, handler: Handler): Promise<Executed> {
  for (let round = 0; ; round++) {
    const outcome = await handler.run(context)
    const seen = handler.takesMore && round < REWINDS ? context.steps.seen() : undefined
    const entries = context.steps.drain()
    try {
      return await done(deps, claim, context, outcome, { entries, ...(seen === undefined ? {} : { seen }) })
    } catch (error) {
      if (!(error instanceof Fenced) || seen === undefined) throw error
      await context.steps.rewind(entries)
    }
  }
}

async function done(
  deps: ExecuteDeps,
  claim: Claim,
  context: RunContext,
  outcome: RunOutcome,
  end: Pick<Ending, "entries"> & { seen?: number },
): Promise<Executed> {
  const { posts, model, also } = outcome
  const released = await finish(deps.db, {
    ...end,
    runId: context.run.id,
    fence: claim.fence,
    now: deps.clock.now(),
    posts: posts.map((post) => ({ ...post, text: deps.scrub(post.text) })),
    state: "done",
    label: context.steps.label(),
    model,
    events: "done",
    ...(also ? { also } : {}),
  })
  return { ...released, posted: posts.map((post) => post.threadId) }
}

interface Trouble {
  claim: Claim & { run: ClaimedRun }
  context: RunContext
  handler: Handler
  error: unknown
  signal: AbortSignal
}

const GONE: Executed = { more: false, posted: [], unsent: [] }

async function endWithError(deps: ExecuteDeps, trouble: Trouble): Promise<Executed> {
  const { claim, context, error, signal } = trouble
  try {
    if (error instanceof Suspend) return await suspendRun(deps, claim, context, error.request)
    if (error instanceof Cancelled) return await cancel(deps, trouble)
    if (error instanceof Fenced) {
      deps.log.warn("run_fenced", { run: context.run.id, thread: context.thread.id, epoch: claim.fence.epoch })
      return GONE
    }
    const described = { code: codeOf(error), message: deps.scrub(messageOf(error)) }
    deps.log.error("run_error", { run: context.run.id, attempts: context.run.attempts + 1, error })
    if (signal.aborted) return await retryLater(deps, trouble, described, 0)
    // Its outages, or a full disk, say nothing of the run: they never make a dead letter of it.
    if (!(error instanceof VigilError) && isDatabaseAway(error))
      return await retryLater(deps, trouble, described, AWAY_DELAY_MS, false)
    if (context.run.attempts + 1 < TRIES && !isFinal(error))
      return await retryLater(deps, trouble, described, delayOf(error, context.run.attempts))
    return await deadLetter(deps, trouble, described)
  } catch (ending) {
    // The database is away, or the thread is someone else's: the lease runs out and the journal has the rest.
    deps.log.error("run_ending_failed", { run: context.run.id, error: ending })
    return GONE
  }
}

/** What a second try cannot mend. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof Reject ||
    error instanceof Limit ||
    error instanceof Deny ||
    error instanceof Misconfigured ||
    error instanceof Diverged
  )
}

function delayOf(error: unknown, attempts: number): number {
  const asked = error instanceof Retry ? error.afterMs : undefined
  return Math.min(asked ?? 1000 * 4 ** attempts, MAX_DELAY_MS)
}

async function retryLater(
  deps: ExecuteDeps,
  { claim, context }: Trouble,
  error: { code: string; message: string },
  delayMs: number,
  counts = delayMs > 0,
): Promise<Executed> {
  const entries = context.steps.drain()
  const released = await postpone(deps.db, {
    runId: context.run.id,
    fence: claim.fence,
    now: deps.clock.now(),
    entries,
    posts: [],
    delayMs,
    error,
    counts,
  })
  return { ...released, posted: [] }
}

function cancel(deps: ExecuteDeps, trouble: Trouble): Promise<Executed> {
  const also = trouble.handler.cancelled?.(trouble.context)
  return end(deps, trouble, { state: "cancelled", events: "done", posts: [], ...(also ? { also } : {}) })
}

/** Dead letter: the events are kept for `/retry`, the person is told, and the thread moves on. */
async function deadLetter(
  deps: ExecuteDeps,
  trouble: Trouble,
  error: { code: string; message: string },
): Promise<Executed> {
  const { context, handler } = trouble
  const fix = trouble.error instanceof VigilError && trouble.error.fix ? ` (${trouble.error.fix})` : ""
  const chat = context.run.kind === "message" || context.run.kind === "command"
  const threadId = chat ? context.thread.id : (await deps.people.home(OWNER_ID, deps.live)).threadId
  const text = chat
    ? `I could not answer that: ${error.message}${fix}. Nothing is lost; reply /retry to try again.`
    : `A ${context.run.kind} run failed: ${error.message}${fix}. Its trace: ${context.run.id}`
  const also = handler.deadLettered?.(context, error)
  return end(deps, trouble, {
    state: "failed",
    events: "dead",
    posts: [
      {
        threadId,
        dedupeKey: `run:${context.run.id}:failed:${deps.newId()}`,
        text: deps.scrub(text),
        urgency: chat ? "reply" : "notice",
      },
    ],
    error,
    ...(also ? { also } : {}),
  })
}

interface BadEnd {
  state: "failed" | "cancelled"
  events: "done" | "dead"
  posts: Post[]
  error?: { code: string; message: string }
  also?: SQL
}

async function end(deps: ExecuteDeps, { claim, context }: Trouble, how: BadEnd): Promise<Executed> {
  const released = await finish(deps.db, {
    ...how,
    runId: context.run.id,
    fence: claim.fence,
    now: deps.clock.now(),
    entries: context.steps.drain(),
    label: context.steps.label(),
    model: null,
  })
  return { ...released, posted: how.posts.map((post) => post.threadId) }
}
