/** Approvals: what a person is asked before a tool is used, or about an effect that nobody knows to have happened. */
import { z } from "zod"
import { instant } from "../instant.ts"

/** `changed`: not approved, with words about what to do instead. `cancelled`: what it is about was decided otherwise. */
export const APPROVAL_STATES = ["open", "approved", "denied", "changed", "redo", "expired", "cancelled"] as const

const id = z.uuid()

export const approvalSchema = z.object({
  /** What a person answers by, as in `K7 OK`. */
  code: z.string(),
  /** `uncertain`: asked after a crash, whether the effect happened. */
  kind: z.enum(["approval", "uncertain"]),
  tool: z.string(),
  /** The arguments as canonical JSON text: the very text that is executed. */
  args: z.string(),
  /** The arguments in words, written by code. */
  display: z.string(),
  state: z.enum(APPROVAL_STATES),
  /** The channel of the answer. */
  answeredVia: z.string().nullable(),
  answeredAt: instant.nullable(),
  createdAt: instant,
  /** No answer until then means no. */
  expiresAt: instant,
  runId: id,
  threadId: id,
})

/** Open ones, oldest first. */
export const approvalsAnswer = z.object({ approvals: z.array(approvalSchema) })

export const approvalParams = z.object({ code: z.string().max(8) })

/** A verdict, or what to do instead. `again` is for an uncertain effect only, `change` for an approval only. */
export const approvalInput = z.union([
  z.object({ verdict: z.enum(["yes", "no", "again"]) }),
  z.object({ verdict: z.literal("change"), words: z.string().trim().min(1).max(2000) }),
])
export type ApprovalInput = z.output<typeof approvalInput>
