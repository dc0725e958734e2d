/** Execution: what the executor is made of, and what it says when a run has been let go. */
import type { Clock } from "../../base/clock.ts"
import type { NewId } from "../../base/ids.ts"
import type { Log } from "../../base/log.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Db } from "../../db/db.ts"
import type { Model } from "../../model/model.ts"
import type { EventKind } from "../../thread/inbox/event.ts"
import type { People } from "../../thread/people/people.ts"
import type { Released } from "../../thread/runs/finish.ts"
import type { Tool } from "../../tools/tool.ts"
import type { Budget } from "./budget.ts"
import type { Handler } from "./run-context.ts"

export interface ExecuteDeps {
  db: Db
  clock: Clock
  newId: NewId
  random: () => number
  log: Log
  model: Model
  budget: Budget
  people: People
  tools: ReadonlyMap<string, Tool>
  handlers: Record<EventKind, Handler>
  scrub: (text: string) => string
  /** Channels that can send now. */
  live: ReadonlySet<ChannelId>
  /** Zone for people who never said theirs. */
  defaultZone: string
  /** Told of each tool a run calls, just before; what it makes of it never matters to the run. */
  onTool?: (runId: string, tool: string) => void
}

export interface Executed extends Released {
  /** Threads with new messages for people. */
  posted: string[]
}
