/** GitHub reads: lists issues by the time of their last change, and the labels of a repository. It changes nothing. */
import type { Octokit } from "@octokit/core"
import { z } from "zod"
import { type GitHubCalls, nameParts, statusOf } from "./api.ts"
import { type Issue, issueOf, issueSchema } from "./issue.ts"

export interface IssuePage {
  /** Ascending by `updatedAt`, without pull requests. */
  issues: Issue[]
  /** Give it back with the same `since`. Absent when it does not name the whole answer. */
  etag?: string
  /** Whether nothing changed since `etag`. */
  notModified: boolean
  /** Whether there are more issues than were read. Then list again from the last `updatedAt`. */
  more: boolean
}

/** The parameters of one listing. */
export interface IssueQuery {
  repo: string
  since: Date
  etag?: string
}

const PER_PAGE = 100
const MAX_PAGES = 10

const issues = z.array(issueSchema)
const labels = z.array(z.object({ name: z.string() }))

interface Page {
  issues: Issue[]
  etag: string | undefined
  isLast: boolean
}

/** Lists issues that changed at or after `since`, at most 1,000. */
export async function listIssues(calls: GitHubCalls, query: IssueQuery, signal: AbortSignal): Promise<IssuePage> {
  const { repo, etag } = query
  const first = await calls.read(repo, (octokit) => readPage(octokit, query, 1, signal))
  if (first === null) {
    return { issues: [], notModified: true, more: false, ...(etag === undefined ? {} : { etag }) }
  }
  if (first.isLast) {
    return withoutPulls(first.issues, false, first.etag)
  }
  // No tag is returned from here on: it would name the first page alone, which proves nothing about the others.
  const issuesRead = [...first.issues]
  for (let page = 2; page <= MAX_PAGES; page += 1) {
    const next = await calls.read(repo, (octokit) => readPage(octokit, query, page, signal))
    issuesRead.push(...(next?.issues ?? []))
    if (next === null || next.isLast) return withoutPulls(issuesRead, false)
  }
  return withoutPulls(issuesRead, true)
}

/** Reads one page; null when the first page did not change since `etag`. */
async function readPage(octokit: Octokit, query: IssueQuery, page: number, signal: AbortSignal): Promise<Page | null> {
  const answer = await octokit
    .request("GET /repos/{owner}/{repo}/issues", {
      ...nameParts(query.repo),
      state: "all",
      sort: "updated",
      direction: "asc",
      since: query.since.toISOString(),
      per_page: PER_PAGE,
      page,
      headers: page === 1 && query.etag !== undefined ? { "if-none-match": query.etag } : {},
      request: { signal },
    })
    .catch(nullIfUnchanged)
  if (answer === null) return null
  const pageIssues = issues.parse(answer.data).map((issue) => issueOf(query.repo, issue))
  return { issues: pageIssues, etag: answer.headers.etag, isLast: !hasNext(answer.headers.link) }
}

export async function getIssue(calls: GitHubCalls, repo: string, number: number, signal: AbortSignal): Promise<Issue> {
  const asked = { ...nameParts(repo), issue_number: number, request: { signal } }
  const { data } = await calls.read(
    repo,
    async (octokit) => await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", asked),
  )
  return issueOf(repo, issueSchema.parse(data))
}

export async function listLabels(calls: GitHubCalls, repo: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = []
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const asked = { ...nameParts(repo), per_page: PER_PAGE, page, request: { signal } }
    const answer = await calls.read(
      repo,
      async (octokit) => await octokit.request("GET /repos/{owner}/{repo}/labels", asked),
    )
    names.push(...labelNames(answer.data))
    if (!hasNext(answer.headers.link)) break
  }
  return names
}

/** The names in an answer that lists labels. */
export function labelNames(data: unknown): string[] {
  return labels.parse(data).map(({ name }) => name)
}

/** The answer without pull requests, which GitHub lists among the issues. */
function withoutPulls(listed: Issue[], more: boolean, etag?: string): IssuePage {
  const kept = listed.filter((issue) => !issue.isPullRequest)
  return { issues: kept, notModified: false, more, ...(etag === undefined ? {} : { etag }) }
}

const hasNext = (link: string | undefined): boolean => link?.includes('rel="next"') ?? false

function nullIfUnchanged(error: unknown): null {
  if (statusOf(error) === 304) return null
  throw error
}
