/** How a step ends a run early; caught in one place (`execute.ts`). */
import { VigilError } from "../../base/errors.ts"

/** What must be asked of a person before the run can go on. */
export interface ApprovalRequest {
  step: number
  kind: "approval" | "uncertain"
  tool: string
  /** Canonical JSON: what will be executed, byte for byte. */
  args: string
  display: string
  /** Why a person is asked. */
  reason: string
}

/** The run has to wait for a person. */
export class Suspend extends VigilError {
  readonly request: ApprovalRequest
  constructor(request: ApprovalRequest) {
    super("Suspend", "suspend", `waiting for a person: ${request.display}`, {})
    this.request = request
  }
}

/** The person said stop. */
export class Cancelled extends VigilError {
  constructor() {
    super("Cancelled", "cancelled", "stopped by the person", {})
  }
}

/** The journal does not fit the code that replays it: the code changed under a running run. */
export class Diverged extends VigilError {
  constructor(n: number, recorded: string, wanted: string) {
    super("Diverged", "diverged", `step ${n} was ${recorded}, the code now wants ${wanted}`, {
      fix: "look at the run's trace, then answer the message again by hand",
    })
  }
}
