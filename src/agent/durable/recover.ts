/**
 * Recover: a call whose intent is there and whose outcome is not. Whoever made it died; the tool's replay class says what
 * now.
 *
 * V1 `transactional`: the crash took the work back, so it is done now. V2 `pure`, `idempotent`: run again with the same
 * operation id. V3 `reconcile`: the other side is asked first. V4 `unsafe`: only a person knows; nothing is done before they
 * say so.
 */
import { canonical } from "../../base/canonical.ts"
import type { Db } from "../../db/db.ts"
import { approvalOf } from "../../thread/approvals/approval.ts"
import { caught, failed, type ToolResult } from "../../tools/tool.ts"
import { Suspend } from "./signals.ts"
import type { ReadyCall } from "./tool-step.ts"

/** What came of the call; or the request of the intent to run it with, null when the intent that is there stands for it. */
type Recovery = { result: ToolResult } | { request: Record<string, unknown> | null }

const AGAIN: Recovery = { request: null }

export async function recover(db: Db, ready: ReadyCall): Promise<Recovery> {
  const { step, tool, args, context } = ready
  if (tool.replay === "transactional") return { request: { args, recovered: true } } // V1
  if (tool.replay === "unsafe") return askWhatHappened(db, ready) // V4
  if (tool.replay === "reconcile") {
    const absent = failed("not_found", "it never happened")
    const found = await caught(async () => (await tool.probe?.(args, context)) ?? absent)
    if (found.ok) return { result: step.end(tool.replay, found) } // V3
  }
  return AGAIN // V2
}

/** The approval about a lost outcome has the number after the call's. */
async function askWhatHappened(db: Db, { step, tool, args }: ReadyCall): Promise<Recovery> {
  const { n, isAsked } = step.askedAfter()
  const approval = isAsked ? await approvalOf(db, step.runId, n) : null
  if (!approval || approval.state === "open")
    throw new Suspend({
      step: n,
      kind: "uncertain",
      tool: tool.name,
      args: canonical(args),
      display: tool.show(args),
      reason: "a crash hid whether this happened",
    })
  if (approval.state === "redo") return AGAIN
  const happened: ToolResult = { ok: true, note: "the person says that it happened" }
  const left = failed("unknown_outcome", "it is not known whether this happened; the person chose to leave it")
  return { result: step.end(tool.replay, approval.state === "approved" ? happened : left) }
}
