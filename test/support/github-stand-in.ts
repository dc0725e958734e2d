/**
 * A GitHub with state: issues, labels, assignees, who changed them, pages, ETags, an app and its installation, webhooks and
 * signed deliveries. `writes` is the ledger of every change that came over the API.
 */
import { createHash } from "node:crypto"
import { createDeliveries, post } from "./github-deliveries.ts"
import type { Answer, ReceivedRequest, StandIn } from "./stand-in.ts"
import { startStandIn } from "./stand-in.ts"

export interface StoredIssue {
  number: number
  title: string
  body: string | null
  user: string
  authorAssociation: string
  labels: string[]
  assignees: string[]
  state: "open" | "closed"
  updatedAt: Date
  isPullRequest: boolean
}

export interface Write {
  repo: string
  number: number
  kind: "labels" | "assignees"
  values: string[]
  /** The credential it came with. */
  by: string
}

export interface Actor {
  login: string
  type: string
}

/** One change to an issue, as its history shows it. */
export interface Done {
  event: "labeled" | "unlabeled" | "assigned" | "unassigned"
  actor: Actor
  created_at: string
  label?: { name: string }
  assignee?: Actor
}

export interface GitHubStandIn extends StandIn {
  token: string
  writes: Write[]
  /** Adds or replaces an issue; number and time are made up when not given. */
  put(repo: string, issue: Partial<StoredIssue> & { title: string }): StoredIssue
  issue(repo: string, number: number): StoredIssue
  /** What GitHub would deliver about an issue now. */
  payload(repo: string, number: number, action: string, sender?: Actor, about?: object): object
  /** What a person does on the page of an issue: every label and assignee is replaced by what is given. */
  edit(repo: string, number: number, by: Actor, to: { labels?: string[]; assignees?: string[] }): Done[]
  deliveries: ReturnType<typeof createDeliveries>
  /** What an app's manifest code gives, once. */
  manifests: Map<string, object>
  /** Posts a signed delivery. */
  deliver(to: string, options: { event: string; payload: object; secret: string; id: string }): Promise<Response>
}

export interface GitHubOptions {
  token?: string
  /** Repositories, as `owner/name`, with their labels and the logins that can be assigned. */
  repos?: Record<string, { labels?: string[]; assignable?: string[] }>
  now?: () => Date
}

const NOT_FOUND: Answer = { status: 404, body: { message: "Not Found" } }

interface Repo {
  name: string
  labels: string[]
  assignable: string[]
  issues: Map<number, StoredIssue>
  history: Map<number, Done[]>
}

export async function start(options: GitHubOptions = {}): Promise<GitHubStandIn> {
  const token = options.token ?? "github-test-token"
  const now = options.now ?? (() => new Date())
  const repos = new Map<string, Repo>()
  const writes: Write[] = []
  const deliveries = createDeliveries(now)
  const manifests = new Map<string, object>()
  for (const [name, { labels = ["bug", "feature", "question"], assignable = [] }] of Object.entries(
    options.repos ?? { "octo/demo": {} },
  )) {
    repos.set(name.toLowerCase(), { name, labels: [...labels], assignable: [...assignable], ...empty() })
  }

  const repoOf = (name: string): Repo => repos.get(name.toLowerCase()) ?? fail(`no repository ${name}`)
  const issueOf = (name: string, number: number): StoredIssue =>
    repoOf(name).issues.get(number) ?? fail(`no issue ${name}#${number}`)

  /** The token, an app's own signed token, or what it was exchanged for. */
  function isKnown(credential: string): boolean {
    return credential === token || credential === "installation-token" || credential.split(".").length === 3
  }

  function answer(asked: ReceivedRequest): Answer {
    const code = /^\/app-manifests\/([^/]+)\/conversions$/.exec(asked.url.pathname)?.[1]
    return code === undefined ? knownAnswer(asked) : conversion(code)
  }

  function knownAnswer(asked: ReceivedRequest): Answer {
    const credential = String(asked.headers.authorization ?? "").replace(/^(bearer|token) /i, "")
    if (!isKnown(credential)) return { status: 401, body: { message: "Bad credentials" } }
    const path = asked.url.pathname
    const match = /^\/repos\/([^/]+\/[^/]+)(\/.*)?$/.exec(path)
    if (match === null) return selfAnswer(asked, path)
    const repo = repos.get((match[1] ?? "").toLowerCase())
    const found = repo === undefined ? NOT_FOUND : repoAnswer(asked, repo, match[2] ?? "", credential)
    return found.status === 200 && asked.method === "GET" ? tagged(asked, found) : found
  }

  function conversion(code: string): Answer {
    const made = manifests.get(code)
    manifests.delete(code)
    return made ? { status: 201, body: made } : NOT_FOUND
  }

  function selfAnswer(asked: ReceivedRequest, path: string): Answer {
    if (path.startsWith("/app/hook/")) return deliveries.ofApp(asked, path.slice("/app/hook".length))
    if (path === "/user") return { status: 200, body: { login: "vigil-user" } }
    if (path === "/app") return { status: 200, body: { slug: "vigil-app", id: 1 } }
    const isToken = /^\/app\/installations\/\d+\/access_tokens$/.test(path)
    return isToken ? { status: 201, body: installationToken(now()) } : NOT_FOUND
  }

  function repoAnswer(asked: ReceivedRequest, repo: Repo, rest: string, by: string): Answer {
    const [, kind = "", id, part] = rest.split("/")
    if (kind === "hooks") return deliveries.ofRepo(asked, repo.name, rest.slice("/hooks".length))
    if (kind === "issues" && id !== undefined) return issueAnswer(asked, repo, { id, part }, by)
    const answers: Record<string, () => Answer> = {
      "": () => ({ status: 200, body: { full_name: repo.name } }),
      installation: () => ({ status: 200, body: { id: 77 } }),
      labels: () =>
        paged(
          asked,
          repo.labels.map((name) => ({ name })),
        ),
      issues: () =>
        paged(
          asked,
          listed(asked, repo).map((issue) => json(repo.name, issue)),
        ),
      assignees: () => (repo.assignable.includes(id ?? "") ? { status: 204 } : NOT_FOUND),
    }
    return answers[kind]?.() ?? NOT_FOUND
  }

  function issueAnswer(
    asked: ReceivedRequest,
    repo: Repo,
    at: { id: string; part: string | undefined },
    by: string,
  ): Answer {
    const issue = repo.issues.get(Number(at.id))
    if (issue === undefined) return NOT_FOUND
    if (at.part === "events") return { status: 200, body: repo.history.get(issue.number) ?? [] }
    if (asked.method === "GET") return { status: 200, body: json(repo.name, issue) }
    return at.part === "labels" ? addLabels(asked, repo, issue, by) : addAssignees(asked, repo, issue, by)
  }

  function addLabels(asked: ReceivedRequest, repo: Repo, issue: StoredIssue, by: string): Answer {
    const { labels } = JSON.parse(asked.body) as { labels: string[] }
    writes.push({ repo: repo.name, number: issue.number, kind: "labels", values: labels, by })
    repo.labels = [...new Set([...repo.labels, ...labels])]
    change(repo, issue, actorOf(by), { labels: [...issue.labels, ...labels] })
    return { status: 200, body: issue.labels.map((name) => ({ name })) }
  }

  function addAssignees(asked: ReceivedRequest, repo: Repo, issue: StoredIssue, by: string): Answer {
    const { assignees } = JSON.parse(asked.body) as { assignees: string[] }
    writes.push({ repo: repo.name, number: issue.number, kind: "assignees", values: assignees, by })
    const can = assignees.filter((login) => repo.assignable.includes(login))
    change(repo, issue, actorOf(by), { assignees: [...issue.assignees, ...can] })
    return { status: 201, body: json(repo.name, issue) }
  }

  function change(
    repo: Repo,
    issue: StoredIssue,
    actor: Actor,
    to: { labels?: string[]; assignees?: string[] },
  ): Done[] {
    const labels = [...new Set(to.labels ?? issue.labels)]
    const assignees = [...new Set(to.assignees ?? issue.assignees)]
    const made = { actor, created_at: now().toISOString() }
    const label = (name: string) => ({ ...made, label: { name } })
    const person = (login: string) => ({ ...made, assignee: { login, type: "User" } })
    const without = (all: string[], other: string[]) => all.filter((one) => !other.includes(one))
    const done: Done[] = [
      ...without(labels, issue.labels).map((name) => ({ event: "labeled" as const, ...label(name) })),
      ...without(issue.labels, labels).map((name) => ({ event: "unlabeled" as const, ...label(name) })),
      ...without(assignees, issue.assignees).map((login) => ({ event: "assigned" as const, ...person(login) })),
      ...without(issue.assignees, assignees).map((login) => ({ event: "unassigned" as const, ...person(login) })),
    ]
    repo.history.set(issue.number, [...(repo.history.get(issue.number) ?? []), ...done])
    Object.assign(issue, { labels, assignees, updatedAt: now() })
    return done
  }

  const server = await startStandIn(answer)

  function put(name: string, given: Partial<StoredIssue> & { title: string }): StoredIssue {
    const { issues } = repoOf(name)
    const number = given.number ?? Math.max(0, ...issues.keys()) + 1
    const blank = {
      number,
      body: "",
      user: "reporter",
      authorAssociation: "NONE",
      labels: [],
      assignees: [],
      updatedAt: now(),
    }
    const issue: StoredIssue = { ...blank, state: "open", isPullRequest: false, ...given }
    issues.set(number, issue)
    return issue
  }

  return {
    ...server,
    token,
    writes,
    put,
    issue: issueOf,
    edit: (name, number, by, to) => change(repoOf(name), issueOf(name, number), by, to),
    deliveries,
    manifests,
    payload: (name, number, action, sender = { login: "reporter", type: "User" }, about = {}) => ({
      action,
      ...about,
      issue: json(repoOf(name).name, issueOf(name, number)),
      repository: { full_name: repoOf(name).name },
      sender,
    }),
    deliver: async (to, { event, payload, secret, id }) => {
      return await post(to, { event, body: JSON.stringify(payload), secret, id })
    },
  }
}

const empty = (): Pick<Repo, "issues" | "history"> => ({ issues: new Map(), history: new Map() })

/** Whose hand a credential is: the app's own, or the token's user. */
function actorOf(credential: string): Actor {
  return credential === "installation-token"
    ? { login: "vigil-app[bot]", type: "Bot" }
    : { login: "vigil-user", type: "User" }
}

function fail(message: string): never {
  throw new Error(message)
}

function listed(asked: ReceivedRequest, repo: Repo): StoredIssue[] {
  const query = asked.url.searchParams
  const since = new Date(query.get("since") ?? 0)
  const state = query.get("state") ?? "open"
  const ascending = query.get("direction") === "asc" ? 1 : -1
  return [...repo.issues.values()]
    .filter((issue) => issue.updatedAt >= since && (state === "all" || issue.state === state))
    .sort((a, b) => ascending * (a.updatedAt.getTime() - b.updatedAt.getTime()))
}

function paged(asked: ReceivedRequest, all: object[]): Answer {
  const query = asked.url.searchParams
  const size = Number(query.get("per_page") ?? 30)
  const page = Number(query.get("page") ?? 1)
  const link =
    page * size < all.length
      ? { link: `<http://localhost${asked.url.pathname}?page=${page + 1}>; rel="next"` }
      : undefined
  return {
    status: 200,
    body: all.slice((page - 1) * size, page * size),
    ...(link === undefined ? {} : { headers: link }),
  }
}

function tagged(asked: ReceivedRequest, found: Answer): Answer {
  const etag = `W/"${createHash("sha256").update(JSON.stringify(found.body)).digest("hex")}"`
  const headers = { ...found.headers, etag }
  return asked.headers["if-none-match"] === etag ? { status: 304, headers } : { ...found, headers }
}

function json(repo: string, issue: StoredIssue): object {
  const pull = issue.isPullRequest ? { pull_request: { url: "x" } } : {}
  return {
    number: issue.number,
    title: issue.title,
    body: issue.body,
    user: { login: issue.user, type: "User" },
    author_association: issue.authorAssociation,
    labels: issue.labels.map((name) => ({ name })),
    assignees: issue.assignees.map((login) => ({ login })),
    state: issue.state,
    html_url: `https://github.com/${repo}/issues/${issue.number}`,
    updated_at: issue.updatedAt.toISOString(),
    ...pull,
  }
}

function installationToken(now: Date): object {
  return {
    token: "installation-token",
    expires_at: new Date(now.getTime() + 3_600_000).toISOString(),
    permissions: { issues: "write" },
    repository_selection: "selected",
  }
}
