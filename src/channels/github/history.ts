/** What was done to an issue, and by whom: labels put on and taken off, people assigned and unassigned. Nothing is changed here. */
import { z } from "zod"
import { type GitHubCalls, nameParts } from "./api.ts"
import type { IssueAddress } from "./changes.ts"
import { isBot } from "./parse.ts"

/** The actions by which a person can correct a decision. */
export const HISTORY_ACTIONS = ["labeled", "unlabeled", "assigned", "unassigned"] as const

export interface HistoryEntry {
  action: (typeof HISTORY_ACTIONS)[number]
  /** Login of whoever did it. */
  sender: string
  senderIsBot: boolean
  at: Date
  label?: string
  /** Login of the person in question, in `assigned` and `unassigned`. */
  assignee?: string
}

const PER_PAGE = 100
/** An issue with more events than this was argued about: its newest changes came as webhooks. */
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

/** Oldest first, of the first 300 events. */
export async function listHistory(
  calls: GitHubCalls,
  { repo, number }: IssueAddress,
  signal: AbortSignal,
): Promise<HistoryEntry[]> {
  const found: HistoryEntry[] = []
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const asked = { ...nameParts(repo), issue_number: number, per_page: PER_PAGE, page, request: { signal } }
    const { data } = await calls.read(
      repo,
      async (octokit) => await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/events", asked),
    )
    const read = entries.parse(data)
    found.push(...read.flatMap(changeOf))
    if (read.length < PER_PAGE) break
  }
  return found
}

function changeOf({ event, actor, created_at: at, label, assignee }: z.output<typeof entries>[number]): HistoryEntry[] {
  const action = HISTORY_ACTIONS.find((one) => one === event)
  if (!action) return []
  const about = {
    ...(label?.name ? { label: label.name } : {}),
    ...(assignee?.login ? { assignee: assignee.login } : {}),
  }
  return [{ action, sender: actor?.login ?? "", senderIsBot: isBot(actor), at, ...about }]
}
