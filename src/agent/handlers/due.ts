/**
 * Due: the handler of instants that automations come due at. The end of the occurrence is written in the commit that
 * ends its run, so every started instant is done, failed or skipped exactly when its run is.
 */
import { sql } from "drizzle-orm"
import { Reject } from "../../base/errors.ts"
import type { ChannelId } from "../../channels/channel.ts"
import type { Action } from "../../schedule/automations/action.ts"
import type { Automation } from "../../schedule/automations/automation.ts"
import type { Automations } from "../../schedule/automations/automations.ts"
import { endOf } from "../../schedule/automations/occurrences.ts"
import { clockText, localDay, localTime, zoned } from "../../schedule/recurrence/zone.ts"
import { duePayload } from "../../thread/inbox/event.ts"
import type { Post } from "../../thread/outbox/outbox.ts"
import type { People } from "../../thread/people/people.ts"
import type { Handler, RunContext, RunOutcome } from "../durable/run-context.ts"
import type { AnswerPerson } from "../turn/turn.ts"

/** One instant at work. */
export interface Due {
  automation: Automation
  dueAt: Date
  /** For the reader: "(due at 8:00 AM, 40 minutes late)"; empty up to five minutes. */
  lateness: string
}

export interface Done {
  posts: Post[]
  model: string | null
  /** Why there was nothing to do. */
  skipped?: string
}

/** What is done for each kind of action. May be called again after a crash: what it does goes through the context's steps. */
export type DueActions = Record<Action["kind"], (context: RunContext, due: Due) => Promise<Done>>

const LATE_MS = 5 * 60_000
const MINUTE_MS = 60_000

export function createDueHandler({ automations, actions }: { automations: Automations; actions: DueActions }): Handler {
  async function perform(context: RunContext, automation: Automation, dueAt: Date): Promise<Done> {
    if (automation.state === "cancelled" || automation.state === "paused")
      return { posts: [], model: null, skipped: automation.state }
    const lateMs = await context.steps.note("late", async () => Math.max(0, context.now().getTime() - dueAt.getTime()))
    const lateness = latenessOf(dueAt, lateMs, automation.zone)
    return actions[automation.action.kind](context, { automation, dueAt, lateness })
  }

  return {
    takesMore: false,
    async run(context): Promise<RunOutcome> {
      const { automationId, dueAt } = instantOf(context)
      const automation = await automations.get(automationId)
      if (automation === null) throw new Reject(404, `automation ${automationId} is gone`)
      const { posts, model, skipped } = await perform(context, automation, dueAt)
      const state = skipped === undefined ? "done" : "skipped"
      return { posts, model, also: endOf({ automationId, dueAt, state, reason: skipped ?? null, now: context.now() }) }
    },
    cancelled(context) {
      const { automationId, dueAt } = instantOf(context)
      return endOf({ automationId, dueAt, state: "skipped", reason: "stopped by the person", now: context.now() })
    },
    deadLettered(context, error) {
      const payload = duePayload.safeParse(context.run.events[0]?.payload)
      if (!payload.success) return sql`select 1 from held`
      const { automationId, dueAt } = payload.data
      const reason = `${error.code}: ${error.message}`.slice(0, 500)
      return endOf({ automationId, dueAt: new Date(dueAt), state: "failed", reason, now: context.now() })
    },
  }
}

function instantOf(context: RunContext): { automationId: number; dueAt: Date } {
  const payload = duePayload.safeParse(context.run.events[0]?.payload)
  if (!payload.success) throw new Reject(400, "the due event is unreadable", { cause: payload.error })
  return { automationId: payload.data.automationId, dueAt: new Date(payload.data.dueAt) }
}

interface HomeDeps {
  people: People
  /** Channels that can send now. */
  live: ReadonlySet<ChannelId>
}

/** A reminder: its text, to where the person is reached first. */
export function createSay({ people, live }: HomeDeps): DueActions["say"] {
  return async (context, { automation, lateness }) => {
    const { threadId } = await people.home(automation.personId, live)
    const text = withLateness(`Reminder: ${automation.title}`, lateness)
    return { posts: [{ threadId, dedupeKey: `run:${context.run.id}:say`, text, urgency: "due" }], model: null }
  }
}

/** Work: a turn with the automation's grants; its answer, if it has one, goes to where the person is reached first. */
export function createDo({ people, live, answer }: HomeDeps & { answer: AnswerPerson }): DueActions["do"] {
  return async (context, { automation, lateness }) => {
    const { text, model } = await answer(context, [automation.title], automation.grants)
    if (text.trim() === "") return { posts: [], model }
    const { threadId } = await people.home(automation.personId, live)
    // What comes round every so many minutes was not asked for at this hour.
    const urgency = automation.recurrence.kind === "every" ? "notice" : "due"
    return {
      posts: [{ threadId, dedupeKey: `run:${context.run.id}:do`, text: withLateness(text, lateness), urgency }],
      model,
    }
  }
}

function withLateness(text: string, lateness: string): string {
  return lateness === "" ? text : `${text} ${lateness}`
}

/** The day is named too when it is no longer that day. */
function latenessOf(dueAt: Date, lateMs: number, zone: string): string {
  if (lateMs <= LATE_MS) return ""
  const now = new Date(dueAt.getTime() + lateMs)
  const sameDay = localDay(dueAt, zone) === localDay(now, zone)
  const at = sameDay ? clockText(zoned(dueAt.getTime(), zone)) : localTime(dueAt, zone)
  return `(due ${sameDay ? "at" : "on"} ${at}, ${spanOf(lateMs)} late)`
}

/** In the largest unit of which there are two or more. */
function spanOf(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`
}
