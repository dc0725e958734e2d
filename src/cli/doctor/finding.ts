/** Finding: what a check of `vigil doctor` hands back: what it saw, and what is wrong with it, each with its fix. */
interface Finding {
  checkId: string
  severity: "error" | "warning"
  message: string
  /** What to do, as an imperative. */
  fix: string
}

export interface Check {
  checkId: string
  /** What was seen, in one line. */
  detail: string
  findings: Finding[]
}

export type Fault = Omit<Finding, "checkId">

export function check(checkId: string, detail: string, faults: readonly Fault[] = []): Check {
  return { checkId, detail, findings: faults.map((fault) => ({ checkId, ...fault })) }
}

export const wrong = (message: string, fix: string): Fault => ({ severity: "error", message, fix })
export const doubtful = (message: string, fix: string): Fault => ({ severity: "warning", message, fix })
