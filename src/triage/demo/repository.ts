/**
 * Demo repository: a GitHub client for `demo/webshop` inside this process. It needs no token and sends nothing to GitHub. The
 * labels and assignees that triage adds stay until the process ends.
 */
import { Reject } from "../../base/errors.ts"
import type { GitHub } from "../../channels/github/client.ts"
import type { Issue } from "../../channels/github/issue.ts"
import { FRESH } from "./fresh.ts"
import { PAST } from "./past.ts"

/** The name alone marks the demo's repository: no installation sets a repository of this name in `GITHUB_REPOS`. */
export const DEMO_REPO = "demo/webshop"
export const DEMO_TEAM = ["ana", "ben", "chris"]

const LABELS = ["bug", "enhancement", "question", "documentation", "good first issue", "checkout"]
const STARTED = Date.UTC(2026, 0, 5, 9)
const DAY_MS = 24 * 3600_000

/** What triage has added to an issue. */
interface Added {
  labels: Set<string>
  assignees: Set<string>
}

export function createDemoGitHub(): GitHub {
  const changed = new Map<number, Added>()
  const addedTo = (number: number): Added => {
    const added = changed.get(number) ?? { labels: new Set(), assignees: new Set() }
    changed.set(number, added)
    return added
  }
  const issue = (number: number): Issue => {
    const { labels, assignees } = addedTo(number)
    return { ...demoIssue(number), labels: [...labels], assignees: [...assignees] }
  }
  const requireDemo = (repo: string) => {
    if (repo.toLowerCase() !== DEMO_REPO)
      throw new Reject(404, `${repo} is not the demo's repository`, { code: "not_found" })
  }
  return {
    // New issues come by webhook, so a sweep finds nothing here.
    listIssues: async () => ({ issues: [], notModified: false, more: false }),
    async getIssue(repo, number) {
      requireDemo(repo)
      return issue(number)
    },
    // Only triage changes the issues of the demo, so there is no correction to find.
    listChanges: async () => [],
    async listLabels(repo) {
      requireDemo(repo)
      return LABELS
    },
    async addLabels(repo, number, labels) {
      requireDemo(repo)
      for (const label of labels) addedTo(number).labels.add(label)
      return issue(number).labels
    },
    async addAssignee(repo, number, login) {
      requireDemo(repo)
      if (!DEMO_TEAM.includes(login)) {
        throw new Reject(422, `${login} cannot be assigned in ${repo}`, {
          code: "not_assignable",
          fix: `choose one of ${DEMO_TEAM.join(", ")}`,
        })
      }
      addedTo(number).assignees.add(login)
    },
  }
}

/** The numbers of the fresh issues in a round. Each `clear` begins a new round, with new numbers. */
export function freshNumbers(round: number): number[] {
  return FRESH.map((_one, at) => PAST.length + 1 + round * FRESH.length + at)
}

/** An issue of the demo by its number, as it was opened. Throws `Reject` (404) when there is none. */
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
