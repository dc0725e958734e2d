/** Recover: a step whose intent is there and whose outcome is not. Whoever did it died; its replay class says what now. */
import { canonical } from "../../base/canonical.ts"
import { approvalOf } from "../../thread/approvals/approval.ts"
import { failed, type ToolResult } from "../../tools/tool.ts"
import {
  caught,
  contextOf,
  effect,
  keepOutcome,
  type OutsideTool,
  runTool,
  type Step,
  type ToolDeps,
} from "./run-tool.ts"
import { Suspend } from "./signals.ts"

export async function recover(deps: ToolDeps, step: Step): Promise<ToolResult> {
  const { tool, args, opId } = step
  if (tool.replay === "transactional") return runTool(deps, step, { args, recovered: true })
  if (tool.replay === "unsafe") return askWhatHappened(deps, tool, step)
  if (tool.replay === "reconcile") {
    const absent = failed("not_found", "it never happened")
    const found = await caught(async () => (await tool.probe?.(args, contextOf(deps, opId))) ?? absent)
    if (found.ok) return keepOutcome(deps, step, found)
  }
  return effect(deps, tool, step)
}

/** An unsafe effect that may have happened: only a person knows. The question takes the next number on the cursor. */
async function askWhatHappened(deps: ToolDeps, tool: OutsideTool, step: Step): Promise<ToolResult> {
  const { cursor } = deps.steps
  const asked = cursor.next("wait", tool.name)
  const wait = asked.before.intent && (await approvalOf(deps.db, cursor.runId, asked.n))
  if (!wait || wait.state === "open") {
    const reason = "a crash hid whether this happened"
    throw new Suspend({
      step: asked.n,
      kind: "uncertain",
      tool: tool.name,
      args: canonical(step.args),
      display: tool.show(step.args),
      reason,
    })
  }
  if (wait.state === "redo") return effect(deps, tool, step)
  const happened: ToolResult = { ok: true, note: "the person says that it happened" }
  const left = failed("unknown_outcome", "it is not known whether this happened; the person chose to leave it")
  return keepOutcome(deps, step, wait.state === "approved" ? happened : left)
}
