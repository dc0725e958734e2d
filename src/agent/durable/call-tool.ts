/**
 * Act: the one way a tool is called. Arguments are parsed by the tool's schema, the policy speaks, verdict and intent
 * are journalled, and only then something happens. A failure is data for the caller.
 */
import { canonical } from "../../base/canonical.ts"
import { verdict } from "../../policy/verdict.ts"
import { failed, type ToolResult } from "../../tools/tool.ts"
import { recover } from "./recover.ts"
import { resumeApproval } from "./resume-approval.ts"
import { contextOf, recordedResult, runTool, type Step, type ToolDeps } from "./run-tool.ts"
import { Suspend } from "./signals.ts"

/** `args` as the model or a handler wrote them; checked here. */
export type CallTool = (name: string, args: unknown) => Promise<ToolResult>

export function createCallTool(deps: ToolDeps): CallTool {
  const call = createCall(deps)
  return async (name, raw) => {
    const result = await call(name, raw)
    // What a tool read is in the run's context from here on.
    if (result.ok && result.label) deps.steps.taint(result.label)
    return result
  }
}

function createCall(deps: ToolDeps): CallTool {
  return async (name, raw) => {
    const { n, opId, before } = deps.steps.cursor.next("tool", name)
    if (before.outcome) return recordedResult(deps, before.outcome)
    const tool = deps.tools.get(name)
    if (!tool || (tool.internal && deps.grants === null))
      return refuse(deps, { n, opId, name }, { args: raw }, failed("not_found", `there is no tool named ${name}`))
    if (before.intent?.kind === "wait") return resumeApproval(deps, { n, opId, tool }, before)
    const parsed = tool.input.safeParse(raw)
    if (!parsed.success)
      return refuse(deps, { n, opId, name }, { args: raw }, failed("invalid", explain(parsed.error.issues)))
    const step: Step = { n, opId, tool, args: parsed.data }
    return before.intent ? recover(deps, step) : decide(deps, step)
  }
}

async function decide(deps: ToolDeps, step: Step): Promise<ToolResult> {
  const { n, opId, tool, args } = step
  const asks = (await tool.asks?.(args, contextOf(deps, opId))) ?? null
  const said = verdict({
    tool: { ...tool, ownerOnly: tool.ownerOnly ?? false },
    args,
    label: deps.steps.label(),
    role: deps.person.role,
    grants: deps.grants,
    asks,
  })
  if (said.decision === "allow") return runTool(deps, step, { args, verdict: said })
  if (said.decision === "deny")
    return refuse(deps, { n, opId, name: tool.name }, { args, verdict: said }, failed("denied", said.reason))
  throw new Suspend({
    step: n,
    kind: "approval",
    tool: tool.name,
    args: canonical(args),
    display: tool.show(args),
    reason: said.reason,
  })
}

/** A step that never reached its tool: refused arguments, unknown name, denied. */
function refuse(
  deps: ToolDeps,
  step: { n: number; opId: string; name: string },
  request: unknown,
  result: ToolResult,
): ToolResult {
  const entry = { ...step, kind: "tool" as const, replay: "pure" as const }
  deps.steps.cursor.keep({ ...entry, phase: "intent", request }, { ...entry, phase: "outcome", result })
  return result
}

function explain(issues: { path: PropertyKey[]; message: string }[]): string {
  return issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`).join("; ")
}
