/**
 * Tool: something that the agent can do. A tool has a schema for its arguments, returns data, and declares a replay class,
 * which says what to do when a crash hides the outcome of a call. A tool that fails returns a code and never throws to the
 * loop, so that the model can react to the failure.
 */
import type { z } from "zod"
import { Deny, Misconfigured, Reject, Retry, Uncertain } from "../base/errors.ts"
import type { Label } from "../base/label.ts"
import type { Tx } from "../db/db.ts"
import type { Replay } from "../journal/journal.ts"
import type { Person } from "../thread/people/people.ts"

export type FailureCode = "not_found" | "denied" | "expired" | "timeout" | "invalid" | "unavailable" | "unknown_outcome"

type Failure = { code: FailureCode; message: string }

/**
 * The result of a call. `label` is the label of the content in the result, when it is not the label of the run. `instead`
 * is what the person who refused the call wants in its place.
 */
export type ToolResult =
  | ({ ok: true; label?: Label } & Record<string, unknown>)
  | ({ ok: false; instead?: string } & Failure)

export interface ToolContext {
  runId: string
  threadId: string
  /** The idempotency key of this step, the same in every attempt. */
  opId: string
  /** The person for whom the run works. */
  person: Person
  /** The person's IANA zone; the installation's guess while the person has not named one. */
  zone: string
  now: Date
  /** The label of everything in the context of the run so far. */
  label: Label
  signal: AbortSignal
}

interface Declared<Args> {
  /** `^[a-z_]{1,64}$` */
  name: string
  /** For the model: what the tool does and when to use it, in one or two sentences. */
  description: string
  input: z.ZodType<Args>
  /** `read` changes nothing, `write` changes Vigil's own data, `send` reaches the outside world. */
  effect: "read" | "write" | "send"
  /** The least trustworthy content that may lead to a call. */
  needs: Label["integrity"]
  /**
   * True for a tool that only a run with a grant for it may call. No model is told of the tool, and no conversation may
   * call it.
   */
  internal?: boolean
  /** True for a tool that members may not use. */
  ownerOnly?: boolean
  /** The reason why a person must approve this very call; null when nobody must. It never changes anything. */
  asks?(args: Args, ctx: ToolContext): Promise<string | null>
  /** The text of an approval. Code writes it, and it shows every argument that matters. */
  show(args: Args): string
}

/** A tool that works inside the transaction which journals its outcome, so that its effect happens exactly once. */
export interface TransactionalTool<Args> extends Declared<Args> {
  replay: "transactional"
  run(args: Args, ctx: ToolContext, tx: Tx): Promise<ToolResult>
}

/** A tool whose effect is outside the transaction of its journal. */
export interface EffectTool<Args> extends Declared<Args> {
  replay: Exclude<Replay, "transactional">
  run(args: Args, ctx: ToolContext): Promise<ToolResult>
  /** For the class `reconcile` only: what the other side says about `ctx.opId`; null when the call never happened there. */
  probe?(args: Args, ctx: ToolContext): Promise<ToolResult | null>
}

// biome-ignore lint/suspicious/noExplicitAny: a list of tools holds many argument types; each is checked by its own schema before use.
export type Tool<Args = any> = TransactionalTool<Args> | EffectTool<Args>

/** Runs a tool. An error that says what became of the call becomes data; any other error is thrown. */
export async function caught(run: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await run()
  } catch (error) {
    return failureOf(error)
  }
}

/**
 * The failure for one of Vigil's errors, which say what became of the call. Any other error is a fault in Vigil and is
 * thrown again.
 */
export function failureOf(error: unknown): ToolResult {
  if (error instanceof Retry) return failed("unavailable", error.message)
  if (error instanceof Uncertain) return failed("unknown_outcome", error.message)
  if (error instanceof Reject) return failed(error.status === 404 ? "not_found" : "invalid", error.message)
  if (error instanceof Deny) return failed("denied", error.message)
  if (error instanceof Misconfigured) return failed("unavailable", `${error.message}; ${error.fix}`)
  throw error
}

/** A failure as the result of a call. */
export function failed(code: FailureCode, message: string): { ok: false } & Failure {
  return { ok: false, code, message }
}
