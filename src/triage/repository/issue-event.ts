/**
 * Issue events: a GitHub issue as an event for the inbox. Its id is made from the content, so that a webhook, its
 * redelivery and the sweep that looks for missed ones all mean the same event, and it is taken once.
 */
import { z } from "zod"
import { sha256 } from "../../base/canonical.ts"
import type { Label } from "../../base/label.ts"
import { storable } from "../../base/text/storable.ts"
import type { Issue } from "../../channels/github/issue.ts"
import type { Event } from "../../thread/inbox/event.ts"

/** What the payload of an `issue` event holds. */
export const issuePayload = z.object({
  /** `opened`, `edited`, `reopened`; `found` when a sweep saw it first. */
  action: z.string(),
  /** `X-GitHub-Delivery` of the webhook; null from a sweep. */
  delivery: z.string().nullable(),
  issue: z.object({
    repo: z.string(),
    number: z.number(),
    title: z.string(),
    body: z.string(),
    author: z.string(),
    authorAssociation: z.string(),
    labels: z.array(z.string()),
    assignees: z.array(z.string()),
    state: z.enum(["open", "closed"]),
    htmlUrl: z.string(),
    updatedAt: z.coerce.date(),
    isPullRequest: z.boolean(),
  }),
})

/** Who wrote it is trusted by GitHub's word on how they relate to the repository. */
const COLLABORATORS = new Set(["OWNER", "MEMBER", "COLLABORATOR"])

export function issueEvent(issue: Issue, from: { action?: string; delivery?: string } = {}): Event {
  const { action = "found", delivery = null } = from
  // GitHub takes a repository's name in any case, and so must a lane and an id made from it.
  const name = `${issue.repo.toLowerCase()}#${issue.number}`
  const again = action === "reopened" ? `:reopened:${issue.updatedAt.toISOString()}` : ""
  const label: Label = {
    integrity: COLLABORATORS.has(issue.authorAssociation) ? "collaborator" : "untrusted",
    confidentiality: "public",
  }
  return {
    source: "github",
    externalId: `issue:${name}:${contentHash(issue)}${again}`,
    kind: "issue",
    channel: "github",
    threadKey: `github:${name}`,
    target: "",
    personId: null,
    label,
    payload: { action, delivery, issue: { ...issue, title: storable(issue.title), body: storable(issue.body) } },
  }
}

/** Hex SHA-256 of what a decision about an issue depends on. */
export function contentHash(issue: Pick<Issue, "title" | "body">): string {
  return sha256(`${issue.title}\n${issue.body}`)
}
