/** Demo: what the triage of a made-up repository came to. */
import { z } from "zod"
import { ISSUE_KINDS } from "./triage.ts"

export const demoAnswer = z.object({
  /** Issues that went through triage. */
  issues: z.number(),
  /** Decisions carried out, decisions the owner refused, and decisions that wait for the owner. */
  applied: z.number(),
  declined: z.number(),
  pending: z.number(),
  byKind: z.record(z.enum(ISSUE_KINDS), z.number()),
  /** What the owner is asked. */
  approvals: z.array(z.object({ code: z.string(), display: z.string() })),
  /** Issues whose run had not ended when the waiting did. */
  unfinished: z.number(),
  /** The digest as it would be texted, and how many SMS segments that is. */
  digest: z.string(),
  segments: z.number(),
})
export type DemoResult = z.output<typeof demoAnswer>
