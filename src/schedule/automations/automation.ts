/**
 * Automation: the row of an automation. Whoever reads it checks `action` and `recurrence`, so that a broken row cannot
 * run.
 */
import type { Label } from "../../base/label.ts"
import type { Recurrence } from "../recurrence/recurrence.ts"
import type { Action } from "./action.ts"

/**
 * A tool that the automation may use without an approval, and the argument values to which it is limited (`Grant` of the
 * policy room).
 */
export interface AutomationGrant {
  tool: string
  where?: Record<string, unknown>
}

export interface NewAutomation {
  personId: string
  /** A fixed, unique name for an automation that exists once (`digest`, `github-sweep`). */
  name?: string
  action: Action
  recurrence: Recurrence
  /** The schedule in words, as the person was told it. */
  sentence: string
  /** IANA. */
  zone: string
  /** The label of the content that led to the automation. Its runs are trusted no more than that. */
  label: Label
  grants: AutomationGrant[]
  /** The longest time after which a due instant still runs, in milliseconds; 6 hours when absent. */
  catchUpMs?: number
}

export interface Automation extends Omit<Required<NewAutomation>, "name"> {
  id: number
  name: string | null
  /** The name for people. */
  title: string
  state: "active" | "paused" | "ended" | "cancelled"
  /** Every instant up to this one is settled. */
  handledTo: Date
  /** The next due instant; null when there is none. */
  nextAt: Date | null
  createdAt: Date
}
