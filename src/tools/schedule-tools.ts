/**
 * Schedule tools: make, list and cancel reminders and automations from a conversation. The result says in words what was
 * understood, with the next times. A time that is not understood makes nothing, and the result says how to name one.
 */
import { z } from "zod"
import type { Tx } from "../db/db.ts"
import type { Grant } from "../policy/verdict.ts"
import { type Action, actionOf, titleOf } from "../schedule/automations/action.ts"
import type { Automation, NewAutomation } from "../schedule/automations/automation.ts"
import type { Automations } from "../schedule/automations/automations.ts"
import { DIGEST } from "../schedule/automations/system-automations.ts"
import { upcoming } from "../schedule/recurrence/recurrence.ts"
import { localDay, localTime } from "../schedule/recurrence/zone.ts"
import { parseWhen, type When } from "../schedule/words/phrase.ts"
import { failed, type Tool, type ToolContext, type ToolResult, type TransactionalTool } from "./tool.ts"

export interface ScheduleToolsDeps {
  automations: Automations
  /**
   * What scheduled work may do without an approval. It is a function, because it depends on the list of tools, which is
   * complete only later.
   */
  grants: () => Grant[]
}

const text = z.string().trim().min(1).max(1000)
const when = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .describe('The person\'s own words: "tomorrow at 9", "every weekday at 8am"')
const remindInput = z.object({ text: text.describe("What to say then"), when })
const scheduleInput = z.object({ action: text.describe('What to do then: "send me the digest"'), when })
const cancelInput = z.object({ id: z.union([z.int(), z.string().trim().min(1).max(200)]).describe("Its number") })

const DAY_MS = 86_400_000
/** A reminder for one moment is still useful a week late. A repeating one comes again anyway. */
const ONE_OFF_CATCH_UP_MS = 7 * DAY_MS
/** The shortest time between two runs of scheduled work. */
const SHORTEST_MS = 5 * 60_000
/** Instants of a schedule that are checked for being too close together, or on the same day. */
const CHECKED = 50

export function createScheduleTools(deps: ScheduleToolsDeps): Tool[] {
  return [remind(deps), schedule(deps), listAutomations(deps), cancelAutomation(deps)]
}

function remind({ automations }: ScheduleToolsDeps): TransactionalTool<z.infer<typeof remindInput>> {
  return {
    name: "remind",
    description: "Sends the person a text at a moment they name, once or repeatedly.",
    input: remindInput,
    effect: "write",
    needs: "collaborator",
    replay: "transactional",
    show: (args) => `remind you: "${args.text}", ${args.when}`,
    async run(args, ctx, tx) {
      const parsed = await parseWhen(args.when, ctx)
      if ("problem" in parsed) return failed("invalid", parsed.problem)
      const { id } = await automations.create(tx, automationOf({ kind: "say", text: args.text }, parsed, ctx))
      const [first = ctx.now] = upcoming(parsed.recurrence, ctx.now, parsed.zone, 1)
      const at = parsed.recurrence.kind === "once" ? localTime(first, parsed.zone) : parsed.sentence
      return { ok: true, id, text: args.text, at: withZone(at, parsed, ctx) }
    },
  }
}

function schedule(deps: ScheduleToolsDeps): TransactionalTool<z.infer<typeof scheduleInput>> {
  return {
    name: "schedule",
    description:
      "Does something for the person at a moment they name, usually repeatedly: an agent's turn with the action as its message, the digest, or a reminder.",
    input: scheduleInput,
    effect: "write",
    needs: "collaborator",
    replay: "transactional",
    show: (args) => `schedule "${args.action}", ${args.when}`,
    async run(args, ctx, tx) {
      const parsed = await parseWhen(args.when, ctx)
      if ("problem" in parsed) return failed("invalid", parsed.problem)
      const action = actionOf(args.action)
      const refused = refusalOf(action, parsed, ctx)
      if (refused !== null) return refused
      const { id } = await put(deps, tx, { action, parsed, ctx })
      const next = upcoming(parsed.recurrence, ctx.now, parsed.zone, 3).map((date) => localTime(date, parsed.zone))
      return { ok: true, id, action: args.action, sentence: withZone(parsed.sentence, parsed, ctx), next }
    },
  }
}

/** Makes the automation. A repeating digest replaces the existing one, because two would send two messages a day. */
function put(
  { automations, grants }: ScheduleToolsDeps,
  tx: Tx,
  { action, parsed, ctx }: { action: Action; parsed: When; ctx: ToolContext },
): Promise<Automation> {
  const made = { ...automationOf(action, parsed, ctx), grants: action.kind === "do" ? grants() : [] }
  if (action.kind === "digest" && parsed.recurrence.kind !== "once")
    return automations.replace(tx, { ...made, name: DIGEST })
  return automations.create(tx, made)
}

function automationOf(action: Action, { recurrence, sentence, zone }: When, ctx: ToolContext): NewAutomation {
  const late = action.kind === "say" && recurrence.kind === "once" ? { catchUpMs: ONE_OFF_CATCH_UP_MS } : {}
  return { personId: ctx.person.id, action, recurrence, sentence, zone, label: ctx.label, grants: [], ...late }
}

function refusalOf(action: Action, { recurrence, zone }: When, ctx: ToolContext): ToolResult | null {
  if (action.kind === "digest" && ctx.person.role !== "owner") return failed("denied", "the digest is for the owner")
  const instants = upcoming(recurrence, ctx.now, zone, CHECKED)
  const days = new Set(instants.map((date) => localDay(date, zone)))
  if (action.kind === "digest" && days.size < instants.length)
    return failed("invalid", 'The digest comes once a day at most. Name one time of day: "every day at 8 am".')
  const closest = instants.slice(1).some((date, index) => +date - +(instants[index] ?? 0) < SHORTEST_MS)
  if (action.kind === "do" && closest)
    return failed("invalid", 'That is more often than every 5 minutes. Say "every 5 minutes", or a longer time.')
  return null
}

/**
 * The words with the zone, where the person could not know which one was used: a guessed zone, or one other than the
 * person's.
 */
function withZone(words: string, { recurrence, zone }: When, ctx: ToolContext): string {
  if (recurrence.kind === "every") return words
  if (ctx.person.zone === null && zone === ctx.zone) return `${words} (guessed zone ${zone})`
  return zone === ctx.zone || words.endsWith(" time") ? words : `${words} (${zone})`
}

function listAutomations({ automations }: ScheduleToolsDeps): Tool<Record<string, never>> {
  return {
    name: "list_automations",
    description: "Lists the person's reminders and automations with their numbers and next times.",
    input: z.object({}),
    effect: "read",
    needs: "untrusted",
    replay: "pure",
    show: () => "list automations",
    async run(_args, ctx) {
      const found = await automations.list(ctx.person.role === "owner" ? undefined : ctx.person.id)
      return { ok: true, automations: found.map(summary) }
    },
  }
}

function summary({ id, title, sentence, nextAt, zone, state }: Automation): Record<string, unknown> {
  return { id, name: title, sentence, ...(nextAt === null ? {} : { next: localTime(nextAt, zone) }), state }
}

function cancelAutomation({ automations }: ScheduleToolsDeps): TransactionalTool<z.infer<typeof cancelInput>> {
  const whose = (ctx: ToolContext) => (ctx.person.role === "owner" ? null : ctx.person.id)
  return {
    name: "cancel_automation",
    description: "Cancels a reminder or automation by its number.",
    input: cancelInput,
    effect: "write",
    needs: "collaborator",
    replay: "transactional",
    show: (args) => `cancel automation ${args.id}`,
    async asks(args, ctx) {
      const id = numberOf(args.id)
      const found = id === null ? null : await automations.get(id)
      const isTheirs = found !== null && (whose(ctx) ?? found.personId) === found.personId
      return isTheirs && found.name !== null ? `the ${found.title} is a part of Vigil itself` : null
    },
    async run(args, ctx, tx) {
      const id = numberOf(args.id)
      if (id === null) return failed("invalid", 'Name it by its number: "cancel automation 3".')
      const found = await automations.cancel(tx, id, whose(ctx))
      if (found === null) return failed("not_found", `There is no automation ${id}. "list automations" shows them.`)
      return { ok: true, id, name: titleOf(found.action) }
    },
  }
}

function numberOf(id: number | string): number | null {
  const digits = /^#?(\d{1,15})$/.exec(String(id))?.[1]
  return digits === undefined ? null : Number(digits)
}
