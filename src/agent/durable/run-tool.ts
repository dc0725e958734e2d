/**
 * Run: makes one allowed call and keeps what came of it.
 *
 * R1 The intent is written before the tool is reached, so that a crash leaves a trace of what may have happened. A database
 *    tool needs none before: its work, its intent and its outcome are one commit.
 * R2 What a tool throws is data when it says what became of the call; any other error is a fault of ours and ends the turn,
 *    with the intent left without an outcome.
 */
import type { Tx } from "../../db/db.ts"
import { caught, failureOf, type ToolResult, type TransactionalTool } from "../../tools/tool.ts"
import type { ReadyCall } from "./tool-step.ts"

/** @param request what the intent says; null when the intent is in the journal already. */
export async function runTool(ready: ReadyCall, request: Record<string, unknown> | null): Promise<ToolResult> {
  const { step, tool, args, context } = ready
  if (tool.replay === "transactional") return transact(ready, tool, request)
  if (request !== null) await step.begin({ replay: tool.replay, args, request }) // R1
  return step.end(tool.replay, await caught(() => tool.run(args, context))) // R2
}

async function transact(
  { step, args, context }: ReadyCall,
  tool: TransactionalTool<Record<string, unknown>>,
  request: Record<string, unknown> | null,
): Promise<ToolResult> {
  const intent = { replay: tool.replay, args, request }
  try {
    return await step.commit(intent, (tx: Tx) => tool.run(args, context, tx)) // R1
  } catch (error) {
    return step.rolledBack(intent, failureOf(error)) // R2
  }
}
