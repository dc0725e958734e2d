/** Problem: the body of every refusal, and the answer that says no more than that it was done. */
import { z } from "zod"

export const problemSchema = z.object({
  error: z.object({
    /** Never changes; for programs. */
    code: z.string(),
    /** For people. */
    message: z.string(),
    /** What to do about it, as an imperative. */
    fix: z.string().exactOptional(),
  }),
})
export type ProblemBody = z.output<typeof problemSchema>

export const doneAnswer = z.object({ ok: z.literal(true) })
