/**
 * GitHub parser: turns GitHub's deliveries into issue events. It never throws. A delivery that is not about one of our issues
 * is ignored with a reason, so that the answer to GitHub can say why.
 */
import { z } from "zod"
import type { Issue } from "./issue.ts"
import { issueOf, issueSchema } from "./issue.ts"

export interface IssueEvent extends Issue {
  /** The kind of the event: `opened`, `edited`, `labeled`, ... */
  action: string
  /** Whether an app or a bot caused the event; it may be ourselves. */
  senderIsBot: boolean
  /** Login of the person or the bot that caused the event. */
  sender: string
  /** Set in `labeled` and `unlabeled`: the label that was added or removed. */
  label?: string
  /** Set in `assigned` and `unassigned`: the login of that person. */
  assignee?: string
  /** `X-GitHub-Delivery`, the same on a redelivery. The signature does not cover it. */
  deliveryId: string
}

export interface IgnoredDelivery {
  ignored: string
}

/** The actions after which an issue may need triage, or by which a person corrects a decision. */
const ACTIONS = new Set([
  "opened",
  "edited",
  "reopened",
  "closed",
  "labeled",
  "unlabeled",
  "assigned",
  "unassigned",
  "transferred",
  "typed",
])

const account = z.object({ login: z.string().default(""), type: z.string().optional() }).nullish()

const delivery = z.object({
  action: z.string(),
  issue: issueSchema,
  repository: z.object({ full_name: z.string() }),
  sender: account,
  label: z.object({ name: z.string() }).nullish(),
  assignee: account,
})

/** Parses one delivery. `event` is `X-GitHub-Event`; `repos` are our repositories (`owner/name`, in any case). */
export function parseDelivery(
  event: string,
  deliveryId: string,
  payload: unknown,
  repos: string[],
): IssueEvent | IgnoredDelivery {
  if (event !== "issues") return { ignored: `event ${event}` }
  const parsed = delivery.safeParse(payload)
  if (!parsed.success) return { ignored: `malformed payload: ${z.prettifyError(parsed.error).split("\n")[0] ?? ""}` }
  const { action, issue, repository, sender, label, assignee } = parsed.data
  if (!ACTIONS.has(action)) return { ignored: `action ${action}` }
  const ours = repository.full_name.toLowerCase()
  if (!repos.some((repo) => repo.toLowerCase() === ours))
    return { ignored: `repository ${repository.full_name} is not configured` }
  return {
    ...issueOf(repository.full_name, issue),
    action,
    senderIsBot: isBot(sender),
    sender: sender?.login ?? "",
    ...(label ? { label: label.name } : {}),
    ...(assignee?.login ? { assignee: assignee.login } : {}),
    deliveryId,
  }
}

/** Whether an account is a bot. An app acts as `name[bot]`. */
export function isBot(account: { login: string; type?: string | undefined } | null | undefined): boolean {
  return account?.type === "Bot" || (account?.login.endsWith("[bot]") ?? false)
}
