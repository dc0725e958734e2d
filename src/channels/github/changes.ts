/**
 * GitHub changes: adds labels and assignees to issues, and never removes anything. Both are sets, so a repetition changes
 * nothing.
 */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type GitHubCalls, nameParts } from "./api.ts"
import { labelNames } from "./reads.ts"

/** The repository and the number of an issue. */
export interface IssueAddress {
  repo: string
  number: number
}

const assigned = z.object({ assignees: z.array(z.object({ login: z.string() })).nullish() })

/** Adds the labels `names`, of which there must be at least one. Returns all labels that the issue then has. */
export async function addLabels(
  calls: GitHubCalls,
  { repo, number }: IssueAddress,
  names: string[],
  signal: AbortSignal,
): Promise<string[]> {
  const asked = { ...nameParts(repo), issue_number: number, labels: names, request: { signal } }
  const { data } = await calls.write(
    repo,
    async (octokit) => await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/labels", asked),
  )
  return labelNames(data)
}

/**
 * Adds an assignee. Throws `Reject` (`not_assignable`) for a person who cannot be assigned. GitHub ignores such a person
 * silently, so they are checked before, and the answer is checked after.
 */
export async function addAssignee(
  calls: GitHubCalls,
  { repo, number }: IssueAddress,
  login: string,
  signal: AbortSignal,
): Promise<void> {
  const at = { ...nameParts(repo), request: { signal } }
  const check = { ...at, assignee: login }
  await calls
    .read(repo, async (octokit) => await octokit.request("GET /repos/{owner}/{repo}/assignees/{assignee}", check))
    .catch((error: unknown) => {
      throw error instanceof Reject && error.status === 404 ? notAssignable(repo, login, error) : error
    })
  const asked = { ...at, issue_number: number, assignees: [login] }
  const { data } = await calls.write(
    repo,
    async (octokit) => await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/assignees", asked),
  )
  const now = assigned.parse(data).assignees ?? []
  if (!now.some((person) => person.login.toLowerCase() === login.toLowerCase())) throw notAssignable(repo, login)
}

function notAssignable(repo: string, login: string, cause?: unknown): Reject {
  const fix = `Give ${login} write access to ${repo}, or take them off the rota.`
  return new Reject(422, `${login} cannot be assigned in ${repo}`, { code: "not_assignable", fix, cause })
}
