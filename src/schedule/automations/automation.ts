/** Automation: what is known of one. Its row in the table is this, with `action` and `recurrence` checked on the way out. */
import type { Label } from "../../base/label.ts"
import type { Recurrence } from "../recurrence/recurrence.ts"
import type { Action } from "./action.ts"

/** A tool that may be used without asking, and the argument values it is limited to (the policy room's `Grant`). */
export interface AutomationGrant {
  tool: string
  where?: Record<string, unknown>
}

export interface NewAutomation {
  personId: string
  /** Fixed and unique, for what exists once (`digest`, `github-sweep`). */
  name?: string
  action: Action
  recurrence: Recurrence
  /** The schedule in words, as the person was told. */
  sentence: string
  /** IANA. */
  zone: string
  /** Of what led to it: its runs are trusted no more than that. */
  label: Label
  grants: AutomationGrant[]
  /** How late a missed instant may still run, in milliseconds; 6 hours unless told. */
  catchUpMs?: number
}

export interface Automation extends Omit<Required<NewAutomation>, "name"> {
  id: number
  name: string | null
  /** What people call it. */
  title: string
  state: "active" | "paused" | "ended" | "cancelled"
  handledTo: Date
  nextAt: Date | null
  createdAt: Date
}
