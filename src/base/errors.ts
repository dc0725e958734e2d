/**
 * Errors: one class for each thing that a caller can do about a failure. Every error has a code that never changes, and most
 * say the fix. A failed tool is not an error but data (`tools/tool.ts`).
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

/** The caller may try again later: the other side was busy or away, and nothing happened there. */
export class Retry extends VigilError {
  /** The shortest wait before the next try, in milliseconds; undefined when the other side named none. */
  readonly afterMs: number | undefined
  constructor(message: string, details: Details & { afterMs?: number } = {}) {
    super("Retry", "retry", message, details)
    this.afterMs = details.afterMs
  }
}

/** The effect may have happened: the answer was lost after the request left. The caller must never repeat it blindly. */
export class Uncertain extends VigilError {
  constructor(message: string, details: Details = {}) {
    super("Uncertain", "unknown_outcome", message, details)
  }
}

/** The request is wrong, and a repetition would be wrong too. `status` is the HTTP status to answer. */
export class Reject extends VigilError {
  readonly status: number
  constructor(status: number, message: string, details: Details = {}) {
    super("Reject", "rejected", message, details)
    this.status = status
  }
}

/** The request is well-formed, but this caller is not allowed to make it. */
export class Deny extends VigilError {
  constructor(message: string, details: Details = {}) {
    super("Deny", "denied", message, details)
  }
}

/** A cap was reached: steps, tool calls, time or budget. `which` names it. */
export class Limit extends VigilError {
  readonly which: string
  constructor(which: string, message: string, details: Details = {}) {
    super("Limit", `limit_${which}`, message, details)
    this.which = which
  }
}

/** Another worker holds the thread now. The caller must stop at once and write nothing. */
export class Fenced extends VigilError {
  constructor(message = "another worker holds this thread", details: Details = {}) {
    super("Fenced", "fenced", message, details)
  }
}

/** The installation has wrong or missing settings. `fix` says what to set. */
export class Misconfigured extends VigilError {
  constructor(message: string, details: Details & { fix: string }) {
    super("Misconfigured", "misconfigured", message, details)
  }
}

/** The code of anything that was thrown: Vigil's own, the SQLSTATE of the database, the errno of Node, else `internal`. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code
  return "internal"
}

/** The message of anything that was thrown. Never throws itself, even for an object that cannot be made a string. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message
  try {
    return String(error)
  } catch {
    return Object.prototype.toString.call(error)
  }
}
