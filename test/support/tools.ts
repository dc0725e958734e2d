/** Calls a tool as the agent does: arguments through its schema, and a transaction for those that want one. */
import { type Label, OWNER_LABEL } from "../../src/base/label.ts"
import type { Db } from "../../src/db/db.ts"
import type { Tool, ToolContext, ToolResult } from "../../src/tools/tool.ts"

export interface Circumstances {
  personId?: string
  zone?: string
  now?: Date
  label?: Label
}

export function contextOf(given: Circumstances): ToolContext {
  return {
    runId: "run-1",
    threadId: "thread-1",
    opId: "op-1",
    person: { id: given.personId ?? "p1", name: null, role: "owner", zone: null },
    zone: given.zone ?? "UTC",
    now: given.now ?? new Date("2026-01-01T00:00:00Z"),
    label: given.label ?? OWNER_LABEL,
    signal: new AbortController().signal,
  }
}

export function toolNamed(tools: Tool[], name: string): Tool {
  const tool = tools.find((one) => one.name === name)
  if (!tool) throw new Error(`there is no tool ${name}`)
  return tool
}

export async function run(
  db: Db,
  tool: Tool,
  args: unknown,
  context: ToolContext,
): Promise<ToolResult & Record<string, unknown>> {
  const parsed: unknown = tool.input.parse(args)
  return tool.replay === "transactional"
    ? db.transaction((tx) => tool.run(parsed, context, tx))
    : tool.run(parsed, context)
}
