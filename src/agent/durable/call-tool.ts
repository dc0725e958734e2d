/**
 * Call: the one way a tool is called. This file alone knows the order: what the journal has, the tool and its arguments,
 * a person's answer, what a crash left, the policy's verdict, the tool. Each of those is one file, entered once, which
 * answers with data and calls no other.
 *
 * A1 What was done is never done again: a recorded outcome is handed back.
 * A2 Nothing runs without a verdict: allowed by the policy, or approved by a person, or begun when it was.
 * A3 A failure is data for the caller. Only a fault of ours, or a run that must wait, is thrown.
 */
import { canonical } from "../../base/canonical.ts"
import type { Db } from "../../db/db.ts"
import { type Grant, verdict } from "../../policy/verdict.ts"
import type { Person } from "../../thread/people/people.ts"
import { failed, type Tool, type ToolContext, type ToolResult } from "../../tools/tool.ts"
import { recover } from "./recover.ts"
import { resumeApproval } from "./resume-approval.ts"
import { runTool } from "./run-tool.ts"
import { Suspend } from "./signals.ts"
import type { Steps } from "./steps.ts"
import type { ReadyCall, ToolStep } from "./tool-step.ts"

/** `args` as the model or a handler wrote them; checked here. */
export type CallTool = (name: string, args: unknown) => Promise<ToolResult>

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
  /** Told of each call, just before; what it makes of it never matters to the run. */
  onTool?: (tool: string) => void
}

/** Either what came of the call without running it, or what the journal is to say before it runs; null when it says so already. */
type Plan = { result: ToolResult } | { request: Record<string, unknown> | null }

export function createCallTool(deps: ToolDeps): CallTool {
  return async (name, raw) => {
    deps.onTool?.(name)
    const step = deps.steps.tool(name)
    const result = step.found.at === "ended" ? step.found.result : await call(deps, step, name, raw) // A1
    // What a tool read is in the run's context from here on.
    if (result.ok && result.label) deps.steps.taint(result.label)
    return result
  }
}

async function call(deps: ToolDeps, step: ToolStep, name: string, raw: unknown): Promise<ToolResult> {
  const tool = deps.tools.get(name)
  if (!tool || (tool.internal && deps.grants === null))
    return step.refuse({ args: raw }, failed("not_found", `there is no tool named ${name}`))
  if (step.found.at === "asked") return callApproved(deps, step, step.found.shown, tool)
  const parsed = tool.input.safeParse(raw)
  if (!parsed.success) return step.refuse({ args: raw }, failed("invalid", explain(parsed.error.issues)))
  const ready = { step, tool, args: parsed.data, context: contextOf(deps, step) }
  return carryOut(ready, step.found.at === "begun" ? await recover(deps.db, ready) : await judge(deps, ready)) // A2
}

/** A call that a person was asked about: what the approval holds is what is run, not what the model writes now. */
async function callApproved(
  deps: ToolDeps,
  asked: ToolStep,
  shown: string | undefined,
  tool: Tool,
): Promise<ToolResult> {
  const resumed = await resumeApproval(deps, asked, shown, tool)
  if ("result" in resumed) return resumed.result
  const { step, args, request } = resumed
  const ready = { step, tool, args, context: contextOf(deps, step) }
  return carryOut(ready, step.found.at === "start" ? { request } : await recover(deps.db, ready)) // A2
}

function carryOut(ready: ReadyCall, plan: Plan): ToolResult | Promise<ToolResult> {
  return "result" in plan ? plan.result : runTool(ready, plan.request)
}

async function judge(deps: ToolDeps, { step, tool, args, context }: ReadyCall): Promise<Plan> {
  const asks = (await tool.asks?.(args, context)) ?? null
  const said = verdict({
    tool: { ...tool, ownerOnly: tool.ownerOnly ?? false },
    args,
    label: context.label,
    role: deps.person.role,
    grants: deps.grants,
    asks,
  })
  const request = { args, verdict: said }
  if (said.decision === "allow") return { request }
  if (said.decision === "deny") return { result: step.refuse(request, failed("denied", said.reason)) }
  throw new Suspend({
    step: step.n,
    kind: "approval",
    tool: tool.name,
    args: canonical(args),
    display: tool.show(args),
    reason: said.reason,
  })
}

function contextOf({ steps, person, zone, threadId, now }: ToolDeps, { runId, opId }: ToolStep): ToolContext {
  return { runId, threadId, opId, person, zone, now: now(), label: steps.label(), signal: steps.signal }
}

function explain(issues: { path: PropertyKey[]; message: string }[]): string {
  return issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`).join("; ")
}
