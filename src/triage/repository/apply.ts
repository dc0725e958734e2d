/**
 * Apply: the tool that changes an issue at GitHub. It adds at most three labels and one assignee; it never removes anything
 * and never writes text. Labels and assignees are sets, so after a crash the issue itself shows whether the change was made.
 */
import { z } from "zod"
import { Misconfigured, Reject, Retry, Uncertain } from "../../base/errors.ts"
import type { GitHub } from "../../channels/github/client.ts"
import { ISSUE_KINDS } from "../../contract/work/triage.ts"
import { type EffectTool, failed, type ToolContext, type ToolResult } from "../../tools/tool.ts"
import { type Labels, MAX_LABELS } from "./labels.ts"

/** The client for a repository; null when none is set up. */
export type GitHubOf = (repo: string) => GitHub | null

const applyInput = z.object({
  repo: z.string().regex(/^[\w-][\w.-]*\/[\w.-]+$/),
  number: z.number().int().positive(),
  /** Inert text (`base/inert.ts`). */
  title: z.string().max(80),
  kind: z.enum(ISSUE_KINDS),
  labels: z.array(z.string().min(1).max(100)).max(MAX_LABELS),
  assignee: z.string().max(39).nullable(),
  /** False: the call needs the owner's approval. */
  confident: z.boolean(),
  /** Inert text. */
  reason: z.string().max(280),
  /** Confidence, 0 to 1. */
  sure: z.number().min(0).max(1),
})
export type ApplyArgs = z.output<typeof applyInput>

/**
 * GitHub was away, or its answer was lost. It is thrown and not returned as a result, so that no outcome is journalled: the
 * next try of the run then reads the issue first and goes on from what it finds.
 */
export class Unfinished extends Error {
  constructor(cause: unknown) {
    super("GitHub did not answer while an issue was changed", { cause })
    this.name = "Unfinished"
  }
}

export function createApplyTool({ github, labels }: { github: GitHubOf; labels: Labels }): EffectTool<ApplyArgs> {
  const clientFor = (repo: string): GitHub => {
    const client = github(repo)
    if (client) return client
    throw new Misconfigured(`GitHub is not set up for ${repo}`, { fix: "set GITHUB_TOKEN and add it to GITHUB_REPOS" })
  }
  return {
    name: "apply_triage",
    description: "Adds labels and an assignee to an issue. Used by triage itself.",
    input: applyInput,
    effect: "send",
    needs: "untrusted",
    internal: true,
    replay: "reconcile",
    asks: async ({ confident, sure, reason }) =>
      confident ? null : `${Math.round(sure * 100)}% sure: ${reason.replace(/[.\s]+$/, "")}`,
    show,
    run: (args, { signal }) => unfinished(() => apply(clientFor(args.repo), labels, args, signal)),
    probe: (args, ctx) => unfinished(() => probe(clientFor(args.repo), args, ctx)),
  }
}

async function unfinished<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Retry || error instanceof Uncertain ? new Unfinished(error) : error
  }
}

/** The call in words. The reason for the approval is not in them, because the approval adds it. */
function show({ repo, number, title, labels, assignee }: ApplyArgs): string {
  const issue = `${repo}#${number}`
  const names = labels.map((label) => `"${label}"`).join(", ")
  if (names === "") return `assign ${assignee ?? "nobody"} to ${issue} (${title})`
  return `label ${names} on ${issue}${assignee === null ? "" : ` and assign ${assignee}`} (${title})`
}

/** Reads the allow-list again, because an approval may be old and GitHub creates a label that it does not know. */
async function apply(client: GitHub, labels: Labels, args: ApplyArgs, signal: AbortSignal): Promise<ToolResult> {
  const { repo, number, assignee } = args
  const allowed = await labels.allowed(repo, client, signal)
  const kept = args.labels.filter((label) => allowed.includes(label))
  if (kept.length > 0) await client.addLabels(repo, number, kept, signal)
  const problem = assignee === null ? null : await assign(client, { repo, number, assignee }, signal)
  if (kept.length === 0 && args.labels.length > 0)
    return failed("invalid", `${repo} no longer has these labels, or they are not allowed`)
  return { ok: true, labels: kept, assignee: problem === null ? assignee : null, ...(problem ? { problem } : {}) }
}

/**
 * Assigns the issue. Returns the problem as text when GitHub refuses the login, because the issue must get its labels even if
 * the person has left the team.
 */
async function assign(
  client: GitHub,
  { repo, number, assignee }: { repo: string; number: number; assignee: string },
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await client.addAssignee(repo, number, assignee, signal)
    return null
  } catch (error) {
    if (error instanceof Reject && error.code === "not_assignable") return `${error.message}. ${error.fix ?? ""}`.trim()
    throw error
  }
}

async function probe(client: GitHub, args: ApplyArgs, { signal }: ToolContext): Promise<ToolResult | null> {
  const issue = await client.getIssue(args.repo, args.number, signal)
  const has = new Set(issue.labels.map((label) => label.toLowerCase()))
  const isLabelled = args.labels.every((label) => has.has(label.toLowerCase()))
  const isAssigned =
    args.assignee === null || issue.assignees.some((login) => login.toLowerCase() === args.assignee?.toLowerCase())
  return isLabelled && isAssigned ? { ok: true, labels: args.labels, assignee: args.assignee } : null
}
