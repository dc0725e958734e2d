/** Run context: what a handler of a claimed run gets to work with, and what it gives back. */
import type { SQL } from "drizzle-orm"
import type { Grant } from "../../policy/verdict.ts"
import type { Post } from "../../thread/outbox/outbox.ts"
import type { Person } from "../../thread/people/people.ts"
import type { Released } from "../../thread/runs/finish.ts"
import type { ClaimedRun } from "../../thread/runs/lease.ts"
import type { CallTool } from "./call-tool.ts"
import type { Steps } from "./steps.ts"

export interface RunContext {
  run: ClaimedRun
  thread: { id: string; channel: string; key: string; model: string | null; historyFrom: number }
  /** Whom the run works for: the sender, or the owner for what nobody sent. */
  person: Person
  /** IANA zone to speak in. */
  zone: string
  steps: Steps
  /** Tools as this run may use them. `grants` null: a person's own conversation. */
  actWith(grants: Grant[] | null): CallTool
  now(): Date
  /** Milliseconds since some moment, for how long something takes. */
  ticks(): number
}

/** How a run ended, all of it committed together. */
export interface RunOutcome {
  posts: Post[]
  model: string | null
  /** A statement of the feature's own in the ending commit; it must read `from held`. */
  also?: SQL
}

/** What a run left behind when it was let go. */
export interface Executed extends Released {
  /** Threads with new messages for people. */
  posted: string[]
}

export interface Handler {
  run(context: RunContext): Promise<RunOutcome>
  /** The run failed for good: what the feature has to write down in the same commit. */
  deadLettered?(context: RunContext, error: { code: string; message: string }): SQL
  /** The person stopped it: the same. */
  cancelled?(context: RunContext): SQL
  /** Messages that come in while it ends are taken into the run instead of starting another. */
  takesMore: boolean
}
