/**
 * Tool: something the agent can do, with a schema for what it takes, data for what it gives, and a declared replay
 * class that says what to do when a crash hides its outcome. A tool that fails answers with a code; it never throws to the loop.
 */
import type { z } from "zod"
import { Deny, Misconfigured, Reject, Retry, Uncertain } from "../base/errors.ts"
import type { Label } from "../base/label.ts"
import type { Tx } from "../db/db.ts"
import type { Replay } from "../journal/journal.ts"
import type { Person } from "../thread/people/people.ts"

export type FailureCode = "not_found" | "denied" | "expired" | "timeout" | "invalid" | "unavailable" | "unknown_outcome"

type Failure = { code: FailureCode; message: string }

/** `label`: of the content that the result holds, when that is not the run's own. `instead`: what the person who refused it wants. */
export type ToolResult =
  | ({ ok: true; label?: Label } & Record<string, unknown>)
  | ({ ok: false; instead?: string } & Failure)

export interface ToolContext {
  runId: string
  threadId: string
  /** The same in every try of this step: an idempotency key. */
  opId: string
  /** Whom the run works for. */
  person: Person
  /** Their IANA zone, or the installation's guess when they never said. */
  zone: string
  now: Date
  /** Of everything in the run's context so far. */
  label: Label
  signal: AbortSignal
}

interface Declared<Args> {
  /** `^[a-z_]{1,64}$` */
  name: string
  /** For the model: what it does, when to use it. One or two sentences. */
  description: string
  input: z.ZodType<Args>
  /** `read` looks, `write` changes what is ours, `send` reaches the outside world. */
  effect: "read" | "write" | "send"
  /** The least trustworthy content that may lead to a call. */
  needs: Label["integrity"]
  /** For runs that hold a grant for it: no model is ever told of it, and no conversation may call it. */
  internal?: boolean
  /** Members of the household may not use it. */
  ownerOnly?: boolean
  /** Why a person must approve this very call, or null; looks, never acts. */
  asks?(args: Args, ctx: ToolContext): Promise<string | null>
  /** What an approval shows: every argument that matters, rendered by code. */
  show(args: Args): string
}

/** Works inside the transaction that journals its outcome: exactly once. */
export interface TransactionalTool<Args> extends Declared<Args> {
  replay: "transactional"
  run(args: Args, ctx: ToolContext, tx: Tx): Promise<ToolResult>
}

export interface EffectTool<Args> extends Declared<Args> {
  replay: Exclude<Replay, "transactional">
  run(args: Args, ctx: ToolContext): Promise<ToolResult>
  /** `reconcile` only: what the other side says about `ctx.opId`; null when it never happened. */
  probe?(args: Args, ctx: ToolContext): Promise<ToolResult | null>
}

// biome-ignore lint/suspicious/noExplicitAny: a list of tools holds many argument types; each is checked by its own schema before use.
export type Tool<Args = any> = TransactionalTool<Args> | EffectTool<Args>

/** Runs a tool: what it throws becomes data, if it says what became of the call. */
export async function caught(run: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await run()
  } catch (error) {
    return failureOf(error)
  }
}

/** Our errors say what became of a call; anything else is a fault of ours, and is thrown again. */
export function failureOf(error: unknown): ToolResult {
  if (error instanceof Retry) return failed("unavailable", error.message)
  if (error instanceof Uncertain) return failed("unknown_outcome", error.message)
  if (error instanceof Reject) return failed(error.status === 404 ? "not_found" : "invalid", error.message)
  if (error instanceof Deny) return failed("denied", error.message)
  if (error instanceof Misconfigured) return failed("unavailable", `${error.message}; ${error.fix}`)
  throw error
}

export function failed(code: FailureCode, message: string): { ok: false } & Failure {
  return { ok: false, code, message }
}
