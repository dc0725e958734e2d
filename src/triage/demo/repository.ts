/**
 * The demo's repository: a GitHub for `demo/webshop` inside this process. Nothing it is told leaves the machine, and it
 * needs no token; what triage puts on its issues is kept until the process ends.
 */
import { Reject } from "../../base/errors.ts"
import type { GitHub } from "../../channels/github/client.ts"
import type { Issue } from "../../channels/github/issue.ts"
import { FRESH } from "./fresh.ts"
import { PAST } from "./past.ts"

/** Marked by its name: no account on GitHub is called so in a configuration of ours. */
export const DEMO_REPO = "demo/webshop"
export const DEMO_TEAM = ["ana", "ben", "chris"]

const LABELS = ["bug", "enhancement", "question", "documentation", "good first issue", "checkout"]
const STARTED = Date.UTC(2026, 0, 5, 9)
const DAY_MS = 24 * 3600_000

interface Put {
  labels: Set<string>
  assignees: Set<string>
}

export function createDemoGitHub(): GitHub {
  const changed = new Map<number, Put>()
  const putOn = (number: number): Put => {
    const put = changed.get(number) ?? { labels: new Set(), assignees: new Set() }
    changed.set(number, put)
    return put
  }
  const issue = (number: number): Issue => {
    const { labels, assignees } = putOn(number)
    return { ...demoIssue(number), labels: [...labels], assignees: [...assignees] }
  }
  const ours = (repo: string) => {
    if (repo.toLowerCase() !== DEMO_REPO)
      throw new Reject(404, `${repo} is not the demo's repository`, { code: "not_found" })
  }
  return {
    // What is new comes as a webhook; there is nothing a sweep could find.
    listIssues: async () => ({ issues: [], notModified: false, more: false }),
    async getIssue(repo, number) {
      ours(repo)
      return issue(number)
    },
    // Nobody but triage touches the demo's issues.
    listChanges: async () => [],
    async listLabels(repo) {
      ours(repo)
      return LABELS
    },
    async addLabels(repo, number, labels) {
      ours(repo)
      for (const label of labels) putOn(number).labels.add(label)
      return issue(number).labels
    },
    async addAssignee(repo, number, login) {
      ours(repo)
      if (!DEMO_TEAM.includes(login)) {
        throw new Reject(422, `${login} cannot be assigned in ${repo}`, {
          code: "not_assignable",
          fix: `choose one of ${DEMO_TEAM.join(", ")}`,
        })
      }
      putOn(number).assignees.add(login)
    },
  }
}

/** The numbers of the new issues in a round; each round after a `clear` has numbers of its own. */
export function freshNumbers(round: number): number[] {
  return FRESH.map((_one, at) => PAST.length + 1 + round * FRESH.length + at)
}

/** Any issue of the demo by its number, as it was opened. Throws `Reject` (404). */
export function demoIssue(number: number): Issue {
  const past = PAST[number - 1]
  const fresh = FRESH[(number - PAST.length - 1) % FRESH.length]
  const found = past ? { ...past, author: "customer" } : fresh
  if (!found || number < 1) throw new Reject(404, `the demo has no issue #${number}`, { code: "not_found" })
  return {
    repo: DEMO_REPO,
    number,
    title: found.title,
    body: found.body,
    author: found.author,
    authorAssociation: "NONE",
    labels: [],
    assignees: [],
    state: "open",
    htmlUrl: `https://github.com/${DEMO_REPO}/issues/${number}`,
    updatedAt: new Date(STARTED + number * DAY_MS),
    isPullRequest: false,
  }
}
