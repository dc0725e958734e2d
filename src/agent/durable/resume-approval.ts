/**
 * Resume: a run comes back from the approval that it waited for.
 *
 * P1 What is run is what the approval's row holds, byte for byte: its hash is in the journal, which nobody can rewrite.
 * P2 An approval is used once: the intent that it allows uses it up in the same commit.
 * P3 A no, silence and other words are data for the model, and nothing is run.
 */
import { sha256 } from "../../base/canonical.ts"
import { Fenced } from "../../base/errors.ts"
import type { Db } from "../../db/db.ts"
import { type Approval, approvalOf, consumeApproval } from "../../thread/approvals/approval.ts"
import { failed, type Tool, type ToolResult } from "../../tools/tool.ts"
import { Diverged } from "./signals.ts"
import type { ToolStep } from "./tool-step.ts"

/** What the model is told; or the step at which the call is made, its arguments, and what the intent says. */
type Resumed =
  | { result: ToolResult }
  | { step: ToolStep; args: Record<string, unknown>; request: Record<string, unknown> }

/** @param shown the hash of the arguments that the person saw, as the journal has it */
export async function resumeApproval(
  { db, now }: { db: Db; now: () => Date },
  asked: ToolStep,
  shown: string | undefined,
  tool: Tool,
): Promise<Resumed> {
  const approval = await approvalOf(db, asked.runId, asked.n)
  if (!approval || approval.state === "open") throw new Fenced("the approval of this run is still open")
  if (approval.kind !== "approval" || approval.tool !== tool.name)
    throw new Diverged(asked.n, `${approval.kind} of ${approval.tool}`, `approval of ${tool.name}`)
  if (approval.state !== "approved") return { result: refused(asked, approval) }
  const sealed = argumentsOf(approval, shown, tool)
  if ("result" in sealed) return sealed
  const { args } = sealed
  const said = { state: "approved", by: approval.answeredBy, via: approval.answeredVia }
  const step = asked.approved({ result: said, use: (tx) => consumeApproval(tx, approval, now()) }) // P2
  if (step.found.at === "ended") return { result: step.found.result }
  return { step, args, request: { args, approved: approval.id } }
}

/** P1 */
function argumentsOf(
  { args, argsHash }: Approval,
  shown: string | undefined,
  tool: Tool,
): { args: Record<string, unknown> } | { result: ToolResult } {
  const hash = sha256(args)
  if (hash !== argsHash || hash !== shown) return { result: failed("invalid", "the approved arguments were changed") }
  const parsed = tool.input.safeParse(JSON.parse(args))
  if (!parsed.success) return { result: failed("invalid", "the approved arguments no longer fit the tool") }
  return { args: parsed.data }
}

/** P3 */
function refused(asked: ToolStep, approval: Approval): ToolResult {
  const result = refusal(approval)
  const isClosed = asked.found.at === "asked" && asked.found.isClosed
  return isClosed ? result : asked.close(result)
}

function refusal({ state, answer }: Approval): ToolResult {
  if (state === "expired") return failed("expired", "nobody approved it in time")
  if (state === "cancelled") return failed("denied", "it was withdrawn, as it was decided elsewhere")
  if (state !== "changed") return failed("denied", "the person said no")
  const message =
    "the person did not approve it as it is; `instead` is what they want. A changed call is asked about again"
  return { ...failed("denied", message), instead: answer ?? "" }
}
