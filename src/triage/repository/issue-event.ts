/**
 * Issue event: a GitHub issue as an event for the inbox. Its id is made from the content. So a webhook call, its redelivery
 * and the sweep make the same event, and the inbox takes it once.
 */
import { z } from "zod"
import { sha256 } from "../../base/canonical.ts"
import type { Label } from "../../base/label.ts"
import { storable } from "../../base/text/storable.ts"
import type { Issue } from "../../channels/github/issue.ts"
import type { Event } from "../../thread/inbox/event.ts"

/** The payload of an `issue` event. */
export const issuePayload = z.object({
  /** `opened`, `edited` or `reopened`; `found` when the sweep saw the issue first. */
  action: z.string(),
  /** `X-GitHub-Delivery` of the webhook call; null when the sweep found the issue. */
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

/** Associations of an author with the repository, as GitHub states them, that give the words more trust. */
const COLLABORATORS = new Set(["OWNER", "MEMBER", "COLLABORATOR"])

export function issueEvent(issue: Issue, from: { action?: string; delivery?: string } = {}): Event {
  const { action = "found", delivery = null } = from
  // GitHub ignores the case of a repository's name, so the thread and the id must ignore it too.
  const name = `${issue.repo.toLowerCase()}#${issue.number}`
  const reopening = action === "reopened" ? `:reopened:${issue.updatedAt.toISOString()}` : ""
  const label: Label = {
    integrity: COLLABORATORS.has(issue.authorAssociation) ? "collaborator" : "untrusted",
    confidentiality: "public",
  }
  return {
    source: "github",
    externalId: `issue:${name}:${contentHash(issue)}${reopening}`,
    kind: "issue",
    channel: "github",
    threadKey: `github:${name}`,
    target: "",
    personId: null,
    label,
    payload: { action, delivery, issue: { ...issue, title: storable(issue.title), body: storable(issue.body) } },
  }
}

/** SHA-256, in hex, of the title and the body: a decision depends on nothing else of an issue. */
export function contentHash(issue: Pick<Issue, "title" | "body">): string {
  return sha256(`${issue.title}\n${issue.body}`)
}
