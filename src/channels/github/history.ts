/** GitHub history: reads who labelled, unlabelled, assigned and unassigned on an issue. It changes nothing. */
import { z } from "zod"
import { type GitHubCalls, nameParts } from "./api.ts"
import type { IssueAddress } from "./changes.ts"
import { isBot } from "./parse.ts"

/** The actions by which a person can correct a decision of triage. */
export const HISTORY_ACTIONS = ["labeled", "unlabeled", "assigned", "unassigned"] as const

export interface HistoryEntry {
  action: (typeof HISTORY_ACTIONS)[number]
  /** Login of the person or the bot that did it. */
  sender: string
  senderIsBot: boolean
  at: Date
  label?: string
  /** Login of the person who was assigned or unassigned. */
  assignee?: string
}

const PER_PAGE = 100
/** Pages that are read of one issue. The newest changes of an issue with more events arrived as webhooks. */
const MAX_PAGES = 3

const person = z.object({ login: z.string().default(""), type: z.string().optional() }).nullish()
const entries = z.array(
  z.object({
    event: z.string(),
    actor: person,
    created_at: z.iso.datetime({ offset: true }).transform((value) => new Date(value)),
    label: z.object({ name: z.string().nullish() }).nullish(),
    assignee: person,
  }),
)

/** The entries of an issue, oldest first. Only the first 300 events of the issue are read. */
export async function listHistory(
  calls: GitHubCalls,
  { repo, number }: IssueAddress,
  signal: AbortSignal,
): Promise<HistoryEntry[]> {
  const history: HistoryEntry[] = []
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const asked = { ...nameParts(repo), issue_number: number, per_page: PER_PAGE, page, request: { signal } }
    const { data } = await calls.read(
      repo,
      async (octokit) => await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/events", asked),
    )
    const events = entries.parse(data)
    history.push(...events.flatMap(entryOf))
    if (events.length < PER_PAGE) break
  }
  return history
}

function entryOf({ event, actor, created_at: at, label, assignee }: z.output<typeof entries>[number]): HistoryEntry[] {
  const action = HISTORY_ACTIONS.find((known) => known === event)
  if (!action) return []
  const about = {
    ...(label?.name ? { label: label.name } : {}),
    ...(assignee?.login ? { assignee: assignee.login } : {}),
  }
  return [{ action, sender: actor?.login ?? "", senderIsBot: isBot(actor), at, ...about }]
}
