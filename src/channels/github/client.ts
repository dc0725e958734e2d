/**
 * GitHub client: the calls that triage needs. It reads issues, and adds labels and assignees. It never removes anything, and
 * adds a person only after GitHub said that they can be assigned.
 */
import { z } from "zod"
import { createGitHubCalls, type GitHubCalls, type GitHubDeps, type GitHubSettings, nameParts } from "./api.ts"
import { addAssignee, addLabels } from "./changes.ts"
import { createRepositoryHooks, type GitHubHooks } from "./deliveries.ts"
import { type HistoryEntry, listHistory } from "./history.ts"
import type { Issue } from "./issue.ts"
import { getIssue, type IssuePage, listIssues, listLabels } from "./reads.ts"

export interface GitHub {
  /**
   * Issues that changed at or after `since`, at most 1,000. They include our own changes, so compare contents, not times.
   * Throws `Retry` when GitHub is away, `Reject` when we may not see the repository.
   */
  listIssues(repo: string, since: Date, signal: AbortSignal, etag?: string): Promise<IssuePage>
  getIssue(repo: string, number: number, signal: AbortSignal): Promise<Issue>
  /** Who labelled and assigned an issue, oldest first. Only the first 300 events of the issue are read. */
  listChanges(repo: string, number: number, signal: AbortSignal): Promise<HistoryEntry[]>
  /** The names of a repository's labels, at most 1,000. */
  listLabels(repo: string, signal: AbortSignal): Promise<string[]>
  /** Adds labels, and returns all labels that the issue then has. Safe to repeat. GitHub creates a label that it does not know. */
  addLabels(repo: string, number: number, labels: string[], signal: AbortSignal): Promise<string[]>
  /** Adds an assignee. Safe to repeat. Throws `Reject` (`not_assignable`) for a person who cannot be assigned. */
  addAssignee(repo: string, number: number, login: string, signal: AbortSignal): Promise<void>
}

/** GitHub with our credentials. */
export interface GitHubAccount extends GitHub {
  /** Who we are at GitHub, for `doctor`. Reads every repository, and throws for the first that we may not see. */
  probe(signal: AbortSignal): Promise<string>
  hooks: GitHubHooks
}

/** Throws `Misconfigured` without credentials. */
export function createGitHub(settings: GitHubSettings, deps: GitHubDeps = {}): GitHubAccount {
  const calls = createGitHubCalls(settings, deps)
  return {
    listIssues: (repo, since, signal, etag) =>
      listIssues(calls, { repo, since, ...(etag === undefined ? {} : { etag }) }, signal),
    getIssue: (repo, number, signal) => getIssue(calls, repo, number, signal),
    listChanges: (repo, number, signal) => listHistory(calls, { repo, number }, signal),
    listLabels: (repo, signal) => listLabels(calls, repo, signal),
    addLabels: async (repo, number, labels, signal) => {
      if (labels.length === 0) return (await getIssue(calls, repo, number, signal)).labels
      return await addLabels(calls, { repo, number }, labels, signal)
    },
    addAssignee: (repo, number, login, signal) => addAssignee(calls, { repo, number }, login, signal),
    probe: (signal) => probe(calls, settings.repos, signal),
    hooks: createRepositoryHooks(calls),
  }
}

const self = z.object({ login: z.string().optional(), slug: z.string().optional() })

async function probe(calls: GitHubCalls, repos: string[], signal: AbortSignal): Promise<string> {
  const request = { request: { signal } }
  const { login, slug } = await calls.self(async (octokit, isApp) =>
    self.parse((isApp ? await octokit.request("GET /app", request) : await octokit.request("GET /user", request)).data),
  )
  for (const repo of repos) {
    const asked = { ...nameParts(repo), ...request }
    await calls.read(repo, async (octokit) => await octokit.request("GET /repos/{owner}/{repo}", asked))
  }
  return slug === undefined ? `@${login ?? "unknown"}` : `${slug}[bot]`
}
