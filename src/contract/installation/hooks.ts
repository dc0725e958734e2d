/** Hooks: webhooks of the owner's own making. The secret of one is shown once, in the answer that makes it. */
import { z } from "zod"
import { instant } from "../instant.ts"

export const hookName = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, "must be small letters, digits and -")

/** An unknown field is refused: a mistyped limit must not pass for none. */
export const hookInput = z.strictObject({
  /** `say` sends the text to the owner; `do` is an agent's turn with it. `{{payload}}` in it stands for the delivery, quoted. */
  action: z.strictObject({ kind: z.enum(["say", "do"]), text: z.string().trim().min(1).max(4000) }),
  /** JSON Schema that a payload must fit. */
  schema: z.union([z.boolean(), z.record(z.string(), z.unknown())]).optional(),
  /** Tools that its turns may use, with the argument values they are limited to. */
  grants: z
    .array(
      z.strictObject({ tool: z.string().min(1).max(64), where: z.record(z.string(), z.unknown()).exactOptional() }),
    )
    .max(50)
    .default([]),
})

export const hookParams = z.object({ name: hookName })

/** As it is answered: what a newer server adds is no mistake. */
export const hookAnswer = z.object({
  name: z.string(),
  action: z.object(hookInput.shape.action.shape),
  schema: hookInput.shape.schema,
  grants: z.array(z.object(hookInput.shape.grants.unwrap().element.shape)),
})

const hookRow = hookAnswer.extend({ updatedAt: instant })
export type HookRow = z.output<typeof hookRow>

/** By name. */
export const hooksAnswer = z.object({ hooks: z.array(hookRow) })

export const hookMadeAnswer = z.object({
  name: z.string(),
  /** Where to post. */
  path: z.string(),
  /** Null when it was made before. */
  secret: z.string().nullable(),
})
