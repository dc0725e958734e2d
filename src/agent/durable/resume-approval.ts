/** Approved: a run comes back from its question. What is executed is what the question's row holds, once; a no or silence is data. */
import { sha256 } from "../../base/canonical.ts"
import { Fenced } from "../../base/errors.ts"
import type { Tx } from "../../db/db.ts"
import type { Entry } from "../../journal/journal.ts"
import { type Approval, approvalOf, consumeApproval } from "../../thread/approvals/approval.ts"
import { failed, type Tool, type ToolResult } from "../../tools/tool.ts"
import type { Recorded } from "./journal-cursor.ts"
import { recover } from "./recover.ts"
import { recordedResult, runTool, type Step, type ToolDeps } from "./run-tool.ts"
import { Diverged } from "./signals.ts"

interface Asked {
  n: number
  opId: string
  tool: Tool
}

export async function resumeApproval(deps: ToolDeps, asked: Asked, before: Recorded): Promise<ToolResult> {
  const { cursor } = deps.steps
  const approval = await approvalOf(deps.db, cursor.runId, asked.n)
  if (!approval || approval.state === "open") throw new Fenced("the question of this run is still open")
  if (approval.kind !== "approval" || approval.tool !== asked.tool.name)
    throw new Diverged(asked.n, `${approval.kind} of ${approval.tool}`, `approval of ${asked.tool.name}`)
  if (approval.state === "approved") return execute(deps, asked, approval, before.intent?.argsHash)
  const result = refusal(approval)
  if (!before.resolution) cursor.keep({ ...resolutionOf(asked), result })
  return result
}

function refusal({ state, answer }: Approval): ToolResult {
  if (state === "expired") return failed("expired", "nobody approved it in time")
  if (state === "cancelled") return failed("denied", "it was withdrawn, as it was decided elsewhere")
  if (state !== "changed") return failed("denied", "the person said no")
  const message =
    "the person did not approve it as it is; `instead` is what they want. A changed call is asked about again"
  return { ...failed("denied", message), instead: answer ?? "" }
}

/** `shown`: the hash that the journal, which nobody can rewrite, has of what was asked about. */
async function execute(
  deps: ToolDeps,
  asked: Asked,
  approval: Approval,
  shown: string | undefined,
): Promise<ToolResult> {
  const hash = sha256(approval.args)
  if (hash !== approval.argsHash || hash !== shown) return failed("invalid", "the approved arguments were changed")
  const parsed = asked.tool.input.safeParse(JSON.parse(approval.args))
  if (!parsed.success) return failed("invalid", "the approved arguments no longer fit the tool")
  const { n, opId, before } = deps.steps.cursor.next("tool", asked.tool.name)
  const step: Step = { n, opId, tool: asked.tool, args: parsed.data }
  if (before.outcome) return recordedResult(deps, before.outcome)
  if (before.intent) return recover(deps, step)
  const entries: Entry[] = [
    { ...resolutionOf(asked), result: { state: "approved", by: approval.answeredBy, via: approval.answeredVia } },
  ]
  const consume = (tx: Tx) => consumeApproval(tx, approval, deps.now())
  return runTool(deps, step, { args: step.args, approved: approval.id }, { entries, consume })
}

function resolutionOf({ n, opId, tool }: Asked): Entry {
  return { n, opId, phase: "resolution", kind: "wait", name: tool.name, replay: "pure" }
}
