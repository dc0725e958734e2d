/**
 * Action: what an automation does when it is due. Its kind follows from the words of the request alone, so that the same
 * words always make the same kind.
 */
import { z } from "zod"

/**
 * - `say`: sends `text` as it is.
 * - `do`: an agent's turn with `text` as the message, limited to the automation's grants.
 * - `digest`: sends the digest.
 * - `sweep`: looks for GitHub issues that were missed.
 */
export const actionSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("say"), text: z.string().min(1) }),
  z.strictObject({ kind: z.literal("do"), text: z.string().min(1) }),
  z.strictObject({ kind: z.literal("digest") }),
  z.strictObject({ kind: z.literal("sweep") }),
])

export type Action = z.infer<typeof actionSchema>

/** The name for people of an automation with this action. */
export function titleOf(action: Action): string {
  switch (action.kind) {
    case "say":
    case "do":
      return action.text
    case "digest":
      return "digest"
    case "sweep":
      return "GitHub sweep"
  }
}

const DIGEST =
  /^(?:please )?(?:(?:send|give|show|text|get|post) )?(?:me )?(?:(?:the|a|my|daily|morning|triage) )*digest(?: please)?[.!]*$/i
const REMIND = /^(?:please )?remind(?:er)?(?: me)?(?: ?:)?(?: (?:to|that|about|of))? +/i

/** The action that a person means by these words: "send me the digest", "remind me to stretch", "triage acme/shop#4". */
export function actionOf(words: string): Action {
  const text = words.trim().replace(/\s+/g, " ")
  if (DIGEST.test(text)) return { kind: "digest" }
  const reminded = text.replace(REMIND, "")
  return reminded === text ? { kind: "do", text } : { kind: "say", text: reminded }
}
