/**
 * Act: the one way a tool is called. Arguments are parsed by the tool's schema, the policy speaks, verdict and intent
 * are journalled, and only then something happens. A failure is data for the caller; a missing outcome after a crash
 * is settled by the tool's replay class.
 */
import { canonical, sha256 } from "../base/canonical.ts"
import { Deny, Fenced, Misconfigured, Reject, Retry, Uncertain } from "../base/errors.ts"
import type { Db } from "../db/db.ts"
import type { Entry } from "../journal/journal.ts"
import { type Grant, verdict } from "../policy/verdict.ts"
import type { Person } from "../thread/people.ts"
import { consumeApproval, waitOf } from "../thread/waits.ts"
import { failed, type Tool, type ToolContext, type ToolResult } from "../tools/tool.ts"
import { Suspend } from "./signals.ts"
import type { Recorded, Steps } from "./steps.ts"

export interface ActDeps {
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

export type Act = (name: string, args: unknown) => Promise<ToolResult>

/** A tool whose effect is outside our transaction. */
type OutsideTool = Exclude<Tool, { replay: "transactional" }>

interface Step {
  n: number
  opId: string
  tool: Tool
  args: Record<string, unknown>
}

export function createAct(deps: ActDeps): Act {
  const { steps, tools } = deps

  const contextOf = (opId: string): ToolContext => ({
    runId: steps.runId,
    threadId: deps.threadId,
    opId,
    person: deps.person,
    zone: deps.zone,
    now: deps.now(),
    label: steps.label(),
    signal: steps.signal,
  })

  /** A step that never reached its tool: refused arguments, unknown name, denied. */
  const refuse = (n: number, opId: string, name: string, request: unknown, result: ToolResult): ToolResult => {
    const entry = { n, kind: "tool" as const, name, opId, replay: "pure" as const }
    steps.keep({ ...entry, phase: "intent", request }, { ...entry, phase: "outcome", result })
    return result
  }

  async function perform(
    step: Step,
    request: unknown,
    before: Entry[] = [],
    opens?: (tx: Parameters<typeof steps.write>[1]) => Promise<void>,
  ): Promise<ToolResult> {
    const { n, opId, tool, args } = step
    const entry = { n, kind: "tool" as const, name: tool.name, opId, replay: tool.replay }
    const intent: Entry = { ...entry, phase: "intent", request, argsHash: sha256(canonical(args)) }
    if (tool.replay === "transactional") {
      const work = () =>
        deps.db.transaction(async (tx) => {
          await opens?.(tx)
          const result = await tool.run(args, contextOf(opId), tx)
          await steps.write([...before, intent, { ...entry, phase: "outcome", result }], tx)
          return result
        })
      return rolledBack(work, (result) => steps.keep(...before, intent, { ...entry, phase: "outcome", result }))
    }
    if (opens) {
      await deps.db.transaction(async (tx) => {
        await opens(tx)
        await steps.write([...before, intent], tx)
      })
    } else if (tool.replay === "pure") steps.keep(...before, intent)
    else await steps.write([...before, intent])
    return effect(tool, step)
  }

  async function effect(tool: OutsideTool, { n, opId, args }: Step): Promise<ToolResult> {
    const result = await caught(() => tool.run(args, contextOf(opId)))
    steps.keep({ n, phase: "outcome", kind: "tool", name: tool.name, opId, replay: tool.replay, result })
    return result
  }

  /** The intent is there and the outcome is not: whoever did this before died. */
  async function recover(step: Step): Promise<ToolResult> {
    const { tool, n, opId, args } = step
    if (tool.replay === "transactional") return perform(step, { args, recovered: true })
    if (tool.replay === "reconcile") {
      const found = await caught(
        async () => (await tool.probe?.(args, contextOf(opId))) ?? failed("not_found", "never happened"),
      )
      if (found.ok) {
        steps.keep({ n, phase: "outcome", kind: "tool", name: tool.name, opId, replay: tool.replay, result: found })
        return found
      }
    }
    if (tool.replay !== "unsafe") return effect(tool, step)
    return resolveDoubt(tool, step)
  }

  /** An unsafe effect that may have happened: only a person knows. */
  async function resolveDoubt(tool: OutsideTool, step: Step): Promise<ToolResult> {
    const { n, args } = step
    const asked = steps.next("wait", tool.name)
    const wait = asked.before.intent && (await waitOf(deps.db, steps.runId, asked.n))
    const display = `${tool.show(args)}: a crash hid whether this happened`
    if (!wait || wait.state === "open") {
      throw new Suspend({ step: asked.n, kind: "uncertain", tool: tool.name, args: canonical(args), display })
    }
    if (wait.state === "redo") return effect(tool, step)
    const result: ToolResult =
      wait.state === "approved"
        ? { ok: true, note: "the person says that it happened" }
        : failed("unknown_outcome", "it is not known whether this happened; the person chose to leave it")
    steps.keep({ n, phase: "outcome", kind: "tool", name: tool.name, opId: step.opId, replay: tool.replay, result })
    return result
  }

  /** The run waited here for an approval. What is executed is what the row holds, never what this code computed. */
  async function approved(n: number, opId: string, tool: Tool, before: Recorded): Promise<ToolResult> {
    const wait = await waitOf(deps.db, steps.runId, n)
    if (!wait || wait.state === "open") throw new Fenced("the question of this run is still open")
    const entry = { n, kind: "wait" as const, name: tool.name, opId, replay: "pure" as const }
    if (wait.state !== "approved") {
      const result = failed(
        wait.state === "expired" ? "expired" : "denied",
        wait.state === "expired" ? "nobody approved it in time" : "the person said no",
      )
      if (!before.resolution) steps.keep({ ...entry, phase: "resolution", result })
      return result
    }
    if (sha256(wait.args) !== wait.argsHash) return failed("invalid", "the approved arguments were changed")
    const parsed = tool.input.safeParse(JSON.parse(wait.args))
    if (!parsed.success) return failed("invalid", "the approved arguments no longer fit the tool")
    const next = steps.next("tool", tool.name)
    const step: Step = { n: next.n, opId: next.opId, tool, args: parsed.data }
    if (next.before.outcome) return next.before.outcome.result as ToolResult
    if (next.before.intent) return recover(step)
    const resolution: Entry = {
      ...entry,
      phase: "resolution",
      result: { state: "approved", by: wait.answeredBy, via: wait.answeredVia },
    }
    return perform(step, { args: parsed.data, approved: wait.id }, [resolution], (tx) =>
      consumeApproval(tx ?? deps.db, wait, deps.now()),
    )
  }

  return async (name, raw) => {
    const { n, opId, before } = steps.next("tool", name)
    if (before.outcome) return before.outcome.result as ToolResult
    const tool = tools.get(name)
    if (!tool) return refuse(n, opId, name, { args: raw }, failed("not_found", `there is no tool named ${name}`))
    if (before.intent?.kind === "wait") return approved(n, opId, tool, before)
    const parsed = tool.input.safeParse(raw)
    if (!parsed.success) return refuse(n, opId, name, { args: raw }, failed("invalid", explain(parsed.error.issues)))
    const args: Record<string, unknown> = parsed.data
    if (before.intent) return recover({ n, opId, tool, args })
    const asks = (await tool.asks?.(args, contextOf(opId))) ?? null
    const said = verdict({
      tool: { ...tool, ownerOnly: tool.ownerOnly ?? false },
      args,
      label: steps.label(),
      role: deps.person.role,
      grants: deps.grants,
      asks,
    })
    if (said.decision === "deny") return refuse(n, opId, name, { args, verdict: said }, failed("denied", said.reason))
    if (said.decision === "ask")
      throw new Suspend({ step: n, kind: "approval", tool: name, args: canonical(args), display: tool.show(args) })
    return perform({ n, opId, tool, args }, { args, verdict: said })
  }
}

function explain(issues: { path: PropertyKey[]; message: string }[]): string {
  return issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`).join("; ")
}

/** What a tool throws, as data: our errors say what became of it; anything else is a fault of ours and ends the turn. */
async function caught(run: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await run()
  } catch (error) {
    return asData(error)
  }
}

/** Like `caught`, for work whose transaction the error took back: `record` keeps the failure in the journal. */
async function rolledBack(run: () => Promise<ToolResult>, record: (result: ToolResult) => void): Promise<ToolResult> {
  try {
    return await run()
  } catch (error) {
    const result = asData(error)
    record(result)
    return result
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
