/**
 * GitHub issue: an issue as the rest of Vigil knows it, read from answers of the REST API and from webhooks alike. Text stays
 * exactly as it is written. A missing field gets an empty value, so that an incomplete issue is still read.
 */
import { z } from "zod"

export interface Issue {
  /** `owner/name`, as GitHub spells it. */
  repo: string
  number: number
  title: string
  /** Markdown; empty when there is none. */
  body: string
  /** Login; `ghost` for a deleted account. */
  author: string
  /** The author's relation to the repository: `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE`, ... */
  authorAssociation: string
  labels: string[]
  assignees: string[]
  state: "open" | "closed"
  htmlUrl: string
  updatedAt: Date
  isPullRequest: boolean
}

const orNothing = z
  .string()
  .nullish()
  .transform((value) => value ?? "")
const label = z.union([z.string(), z.object({ name: orNothing }).transform(({ name }) => name)])
const account = z.object({ login: z.string() }).nullish()
const date = z.iso.datetime({ offset: true }).transform((value) => new Date(value))

export const issueSchema = z.object({
  number: z.number().int().positive(),
  title: orNothing,
  body: orNothing,
  user: account,
  author_association: z.string().nullish(),
  labels: z.array(label).nullish(),
  assignees: z.array(account).nullish(),
  state: z.string().nullish(),
  html_url: orNothing,
  updated_at: date,
  pull_request: z.unknown().optional(),
})

/** Makes an `Issue` of a value that `issueSchema` parsed. */
export function issueOf(repo: string, read: z.infer<typeof issueSchema>): Issue {
  return {
    repo,
    number: read.number,
    title: read.title,
    body: read.body,
    author: read.user?.login ?? "ghost",
    authorAssociation: read.author_association ?? "NONE",
    labels: (read.labels ?? []).filter((name) => name !== ""),
    assignees: (read.assignees ?? []).flatMap((person) => person?.login ?? []),
    state: read.state === "closed" ? "closed" : "open",
    htmlUrl: read.html_url,
    updatedAt: read.updated_at,
    isPullRequest: read.pull_request !== undefined && read.pull_request !== null,
  }
}
