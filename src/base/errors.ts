/**
 * Errors, cut by what the caller must do about them. Each has a code that never changes, and most say the fix.
 * Tool failures are not here: those are data (`tools/tool.ts`).
 */
interface Details {
  /** Stable, machine-readable: `snake_case`. */
  code?: string
  /** What the reader can do, as an imperative sentence. */
  fix?: string
  cause?: unknown
}

export abstract class VigilError extends Error {
  readonly code: string
  readonly fix: string | undefined
  constructor(name: string, code: string, message: string, details: Details) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = name
    this.code = details.code ?? code
    this.fix = details.fix
  }
}

/** Try again later: the other side was busy or away, and nothing happened there. */
export class Retry extends VigilError {
  /** How long to wait at least, in milliseconds; undefined when the other side did not say. */
  readonly afterMs: number | undefined
  constructor(message: string, details: Details & { afterMs?: number } = {}) {
    super("Retry", "retry", message, details)
    this.afterMs = details.afterMs
  }
}

/** It may have happened: the answer was lost after the request left. Never repeat it blindly. */
export class Uncertain extends VigilError {
  constructor(message: string, details: Details = {}) {
    super("Uncertain", "unknown_outcome", message, details)
  }
}

/** The request is wrong and will stay wrong; `status` is what HTTP should answer. */
export class Reject extends VigilError {
  readonly status: number
  constructor(status: number, message: string, details: Details = {}) {
    super("Reject", "rejected", message, details)
    this.status = status
  }
}

/** Not allowed for this caller, however well-formed the request is. */
export class Deny extends VigilError {
  constructor(message: string, details: Details = {}) {
    super("Deny", "denied", message, details)
  }
}

/** A cap was reached (steps, tool calls, time, money). */
export class Limit extends VigilError {
  readonly which: string
  constructor(which: string, message: string, details: Details = {}) {
    super("Limit", `limit_${which}`, message, details)
    this.which = which
  }
}

/** Someone else holds the thread now: stop at once, write nothing. */
export class Fenced extends VigilError {
  constructor(message = "another worker holds this thread", details: Details = {}) {
    super("Fenced", "fenced", message, details)
  }
}

/** The installation is set up wrongly; `fix` names what to set. */
export class Misconfigured extends VigilError {
  constructor(message: string, details: Details & { fix: string }) {
    super("Misconfigured", "misconfigured", message, details)
  }
}

/** The code of anything thrown: ours, the database's SQLSTATE, Node's errno, or `internal`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code
  return "internal"
}

/** Never throws: anything can be thrown, also what refuses to be a text. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  try {
    return String(error)
  } catch {
    return Object.prototype.toString.call(error)
  }
}
