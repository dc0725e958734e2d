/**
 * GitHub deliveries as issue events. Never throws: what is not about an issue of ours is ignored, with the reason, so
 * that the answer to GitHub can say why.
 */
import { z } from "zod"
import type { Issue } from "./issue.ts"
import { issueOf, issueSchema } from "./issue.ts"

export interface IssueEvent extends Issue {
  /** What happened: `opened`, `edited`, `labeled`, ... */
  action: string
  /** Whoever caused the event is an app or a bot, perhaps ourselves. */
  senderIsBot: boolean
  /** Login of whoever caused the event. */
  sender: string
  /** The label added or removed, in `labeled` and `unlabeled`. */
  label?: string
  /** Login of the person in question, in `assigned` and `unassigned`. */
  assignee?: string
  /** `X-GitHub-Delivery`: the same on a redelivery. Not covered by the signature. */
  deliveryId: string
}

export interface IgnoredDelivery {
  ignored: string
}

/** Actions after which an issue may have to be triaged, or a decision was corrected. */
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

/** `event` is `X-GitHub-Event`; `repos` are the repositories we look after (`owner/name`, any case). */
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

/** Apps act under a name of their own, as `name[bot]`. */
export function isBot(account: { login: string; type?: string | undefined } | null | undefined): boolean {
  return account?.type === "Bot" || (account?.login.endsWith("[bot]") ?? false)
}
