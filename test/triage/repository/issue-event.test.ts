import { expect, test } from "vitest"
import type { Issue } from "../../../src/channels/github/issue.ts"
import { issueEvent, issuePayload } from "../../../src/triage/repository/issue-event.ts"

const issue: Issue = {
  repo: "Acme/Shop",
  number: 5,
  title: "It crashes",
  body: "when I pay",
  author: "eve",
  authorAssociation: "NONE",
  labels: [],
  assignees: [],
  state: "open",
  htmlUrl: "https://github.com/acme/shop/issues/5",
  updatedAt: new Date("2026-11-20T10:00:00Z"),
  isPullRequest: false,
}

test("a sweep and a webhook give the same content the same id, whatever the repository's case or the time of the change", () => {
  const webhook = issueEvent(issue, { action: "opened", delivery: "d1" })
  const sweep = issueEvent({ ...issue, repo: "acme/shop", labels: ["bug"], updatedAt: new Date() })
  expect(sweep.externalId).toBe(webhook.externalId)
  expect(sweep.threadKey).toBe(webhook.threadKey)
})

test("another title, body or number makes another event, and so does each reopening", () => {
  const ids = [
    issueEvent(issue),
    issueEvent({ ...issue, title: "It crashed" }),
    issueEvent({ ...issue, body: "" }),
    issueEvent({ ...issue, number: 6 }),
    issueEvent(issue, { action: "reopened" }),
    issueEvent({ ...issue, updatedAt: new Date("2026-11-21T10:00:00Z") }, { action: "reopened" }),
  ].map((event) => event.externalId)
  expect(new Set(ids).size).toBe(ids.length)
})

test.each([
  ["OWNER", "collaborator"],
  ["MEMBER", "collaborator"],
  ["COLLABORATOR", "collaborator"],
  ["CONTRIBUTOR", "untrusted"],
  ["FIRST_TIME_CONTRIBUTOR", "untrusted"],
  ["NONE", "untrusted"],
  ["", "untrusted"],
])("an author who is %s is %s", (authorAssociation, integrity) => {
  expect(issueEvent({ ...issue, authorAssociation }).label).toEqual({ integrity, confidentiality: "public" })
})

test("the payload survives JSON and is read back by its schema", () => {
  const { payload } = issueEvent({ ...issue, body: "nul\u0000" }, { action: "edited", delivery: "d2" })
  const read = issuePayload.parse(JSON.parse(JSON.stringify(payload)))
  expect(read).toEqual({ action: "edited", delivery: "d2", issue: { ...issue, body: "nul" } })
})
