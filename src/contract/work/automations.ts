/** Automations: what the agent does by itself, when, and with which tools. */
import { z } from "zod"
import { instant } from "../instant.ts"
import { labelSchema } from "../label.ts"

/** A tool that may be used without asking, and the argument values it is limited to. */
const grant = z.object({ tool: z.string(), where: z.record(z.string(), z.unknown()).exactOptional() })

const automationSchema = z.object({
  id: z.number(),
  /** Fixed and unique, for what exists once (`digest`, `github-sweep`); null for what a person asked for. */
  name: z.string().nullable(),
  /** What people call it. */
  title: z.string(),
  /** Whose it is. */
  personId: z.uuid(),
  /** `say` sends the text as it is, `do` is an agent's turn with it. */
  action: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("say"), text: z.string() }),
    z.object({ kind: z.literal("do"), text: z.string() }),
    z.object({ kind: z.literal("digest") }),
    z.object({ kind: z.literal("sweep") }),
  ]),
  /** `once` is an ISO 8601 instant, `cron` five fields on the wall clock, `rrule` an RFC 5545 rule. */
  recurrence: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("once"), at: z.iso.datetime({ offset: true }) }),
    z.object({ kind: z.literal("cron"), expr: z.string() }),
    z.object({ kind: z.literal("rrule"), rule: z.string() }),
    z.object({ kind: z.literal("every"), minutes: z.number() }),
  ]),
  /** The schedule in words, as the person was told. */
  sentence: z.string(),
  /** IANA name. */
  zone: z.string(),
  /** Of what led to it: its runs are trusted no more than that. */
  label: labelSchema,
  grants: z.array(grant),
  /** How late a missed instant may still run, in milliseconds. */
  catchUpMs: z.number(),
  state: z.enum(["active", "paused", "ended", "cancelled"]),
  /** Every instant until then has its end. */
  handledTo: instant,
  /** Null when it is not due any more. */
  nextAt: instant.nullable(),
  createdAt: instant,
})
export type AutomationRow = z.output<typeof automationSchema>

/** Active and paused ones, by number. */
export const automationsAnswer = z.object({ automations: z.array(automationSchema) })
