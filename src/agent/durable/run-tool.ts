/**
 * Perform: does one allowed call. A database tool commits its work with its outcome; any other writes its intent first, so
 * that a crash leaves a trace of what may have happened.
 */
import { z } from "zod"
import { canonical, sha256 } from "../../base/canonical.ts"
import { Deny, Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Entry } from "../../journal/journal.ts"
import type { Grant } from "../../policy/verdict.ts"
import type { Person } from "../../thread/people/people.ts"
import { failed, type Tool, type ToolContext, type ToolResult } from "../../tools/tool.ts"
import type { Steps } from "./steps.ts"

export interface ToolDeps {
  db: Db
  steps: Steps
  tools: ReadonlyMap<string, Tool>
  person: Person
  zone: string
  threadId: string
  /** Null for a person's own conversation. */
  grants: Grant[] | null
  now: () => Date
}

/** A tool whose effect is outside our transaction. */
export type OutsideTool = Exclude<Tool, { replay: "transactional" }>

export interface Step {
  n: number
  opId: string
  tool: Tool
  args: Record<string, unknown>
}

/** What must be written, and done, in the same commit as the intent: how an approval is used up. */
export interface Prelude {
  entries: Entry[]
  consume: (tx: Tx) => Promise<void>
}

export function contextOf(deps: ToolDeps, opId: string): ToolContext {
  const { steps, person, zone, threadId } = deps
  return {
    runId: steps.cursor.runId,
    threadId,
    opId,
    person,
    zone,
    now: deps.now(),
    label: steps.label(),
    signal: steps.signal,
  }
}

export async function runTool(deps: ToolDeps, step: Step, request: unknown, prelude?: Prelude): Promise<ToolResult> {
  const { tool, args } = step
  const { cursor } = deps.steps
  const intent: Entry = { ...entryOf(step), phase: "intent", request, argsHash: sha256(canonical(args)) }
  const before = [...(prelude?.entries ?? []), intent]
  if (tool.replay === "transactional") return transact(deps, step, before, prelude)
  if (prelude) {
    await deps.db.transaction(async (tx) => {
      await prelude.consume(tx)
      await cursor.write(before, tx)
    })
  } else if (tool.replay === "pure") cursor.keep(...before)
  else await cursor.write(before)
  return effect(deps, tool, step)
}

async function transact(deps: ToolDeps, step: Step, before: Entry[], prelude?: Prelude): Promise<ToolResult> {
  const { tool, args, opId } = step
  const outcome = (result: ToolResult): Entry => ({ ...entryOf(step), phase: "outcome", result })
  try {
    return await deps.db.transaction(async (tx) => {
      await prelude?.consume(tx)
      const result = await tool.run(args, contextOf(deps, opId), tx)
      await deps.steps.cursor.write([...before, outcome(result)], tx)
      return result
    })
  } catch (error) {
    // The transaction took the tool's work back; only the failure is kept.
    const result = asData(error)
    deps.steps.cursor.keep(...before, outcome(result))
    return result
  }
}

/** Runs the tool and keeps its outcome; the intent is written already. */
export async function effect(deps: ToolDeps, tool: OutsideTool, step: Step): Promise<ToolResult> {
  const result = await caught(() => tool.run(step.args, contextOf(deps, step.opId)))
  return keepOutcome(deps, step, result)
}

export function keepOutcome(deps: ToolDeps, step: Step, result: ToolResult): ToolResult {
  deps.steps.cursor.keep({ ...entryOf(step), phase: "outcome", result })
  return result
}

function entryOf({ n, opId, tool }: Step) {
  return { n, opId, kind: "tool" as const, name: tool.name, replay: tool.replay }
}

/** What a tool throws, as data: our errors say what became of it; anything else is a fault of ours and ends the turn. */
export async function caught(run: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await run()
  } catch (error) {
    return asData(error)
  }
}

function asData(error: unknown): ToolResult {
  if (error instanceof Retry) return failed("unavailable", error.message)
  if (error instanceof Uncertain) return failed("unknown_outcome", error.message)
  if (error instanceof Reject) return failed(error.status === 404 ? "not_found" : "invalid", error.message)
  if (error instanceof Deny) return failed("denied", error.message)
  if (error instanceof Misconfigured) return failed("unavailable", `${error.message}; ${error.fix}`)
  throw error
}

/**
 * The outcome of this step from an earlier life of the run. The question about it that a crash may have left has the next
 * number on the cursor: it is passed by, or the next call would take its answer for its own approval.
 */
export function recordedResult({ steps: { cursor } }: ToolDeps, entry: { result?: unknown }): ToolResult {
  const next = cursor.ahead().before?.intent
  if (next?.kind === "wait" && doubted.safeParse(next.request).success) cursor.skip()
  return entry.result as ToolResult
}

const doubted = z.looseObject({ kind: z.literal("uncertain") })
