/**
 * Triage: the run that gives a new issue its kind, its labels and the person on call. The words of the issue reach only a
 * model without tools, or no model, so they cannot make anything act. Deterministic code applies the result to this one
 * issue, and an unsure result waits for the owner's approval.
 */
import { z } from "zod"
import type { CallTool } from "../agent/durable/call-tool.ts"
import type { Handler, RunContext, RunOutcome } from "../agent/durable/run-context.ts"
import { Reject, Retry } from "../base/errors.ts"
import { inert } from "../base/inert.ts"
import type { Tool } from "../tools/tool.ts"
import type { Kind } from "./classify/kind.ts"
import { MAX_ISSUE_BODY } from "./classify/words.ts"
import type { Decisions } from "./decisions/decisions.ts"
import { type Evidence, type EvidenceDeps, gather } from "./decisions/evidence.ts"
import { createRecordTool, type RecordDeps } from "./decisions/record.ts"
import { type ModelAnswer, read, request } from "./model-answer.ts"
import { type IssueState, type Proposal, propose } from "./proposal.ts"
import { createApplyTool, type GitHubOf, Unfinished } from "./repository/apply.ts"
import { contentHash, issuePayload } from "./repository/issue-event.ts"
import { choose, kindOf, type Labels } from "./repository/labels.ts"
import type { Rotas } from "./repository/rota.ts"

export interface TriageDeps extends EvidenceDeps {
  github: GitHubOf
  decisions: Decisions
  labels: Labels
  rotas: Pick<Rotas, "onCall">
  /** True when no language model is connected. */
  offline: boolean
  /** Names of the demo's repositories, in lower case. */
  demoRepos?: ReadonlySet<string>
  /** Confidence from which on no approval is needed, 0 to 1. */
  threshold?: number
}

export const THRESHOLD = 0.6
/** Pause before the next try when GitHub did not answer, in milliseconds. */
const PATIENCE_MS = 30_000

type Issue = z.output<typeof issuePayload>["issue"]

/** The tools of a triage run. The executor has them, but a model never may call them. */
export function createTriageTools(deps: Pick<TriageDeps, "github" | "labels"> & RecordDeps): Tool[] {
  return [createRecordTool(deps), createApplyTool(deps)]
}

export function createTriage(deps: TriageDeps): Handler {
  return {
    takesMore: false,
    async run(context) {
      const { issue } = issuePayload.parse(context.run.events[0]?.payload)
      if (issue.state === "closed" || issue.isPullRequest) return NOTHING
      const subject = { repo: issue.repo, number: issue.number, contentHash: contentHash(issue) }
      if (await context.steps.note("known", () => deps.decisions.isTaken(subject, context.run.id))) return NOTHING
      const { proposal, model, allowed } = await decide(deps, context, issue)
      const grants = ["record_decision", "apply_triage"].map((tool) => ({
        tool,
        where: { repo: issue.repo, number: issue.number },
      }))
      const act = context.actWith(grants)
      await mustWork(act, "record_decision", {
        ...subject,
        title: issue.title,
        body: issue.body.slice(0, MAX_ISSUE_BODY),
        ...kept(proposal),
        url: issue.htmlUrl,
        demo: deps.demoRepos?.has(issue.repo.toLowerCase()) ?? false,
      })
      const end = await proceed(deps, context, act, { issue, proposal })
      const corrected = end.wanted ? await carryOut(act, issue, corrections(proposal, end.wanted, allowed)) : end
      return {
        posts: [],
        model,
        also: deps.decisions.settle(context.run.id, { ...corrected, correctedTo: end.wanted }),
      }
    },
    deadLettered: (context) => deps.decisions.settle(context.run.id, DECLINED),
  }
}

const NOTHING: RunOutcome = { posts: [], model: null }

/** Decides about an issue. Each fact that is looked up becomes a note, so that a resumed run goes on from the same facts. */
async function decide(
  deps: TriageDeps,
  context: RunContext,
  issue: Issue,
): Promise<{ proposal: Proposal; model: string | null; allowed: string[] }> {
  const { steps } = context
  const { evidence, twin } = await steps.note("neighbours", async () => ({
    evidence: await gather(deps, issue, steps.signal),
    twin: await deps.decisions.twin({ repo: issue.repo, number: issue.number, contentHash: contentHash(issue) }),
  }))
  const issueState = await steps.note("repository", () => survey(deps, context, issue))
  const isOpen = twin === null && issueState.asksModel
  const { answer, model } = isOpen ? await ask(context, issue, evidence, issueState) : { answer: null, model: null }
  const threshold = deps.threshold ?? THRESHOLD
  const proposal = await steps.note("decision", async () => propose({ evidence, issueState, twin, answer, threshold }))
  return { proposal, model, allowed: issueState.allowed }
}

async function survey(
  deps: TriageDeps,
  context: RunContext,
  issue: Issue,
): Promise<IssueState & { asksModel: boolean }> {
  const client = deps.github(issue.repo)
  return {
    labels: issue.labels,
    assignees: issue.assignees,
    allowed: client ? await deps.labels.allowed(issue.repo, client, context.steps.signal) : [],
    onCall: client ? await deps.rotas.onCall(issue.repo, context.now()) : null,
    asksModel: !deps.offline,
  }
}

/**
 * Asks the model. The answer is null when the model is away, refuses, would pass the budget, or answers in another form; then
 * the past and the rules decide.
 */
async function ask(
  context: RunContext,
  issue: Issue,
  evidence: Evidence,
  { allowed }: IssueState,
): Promise<{ answer: ModelAnswer | null; model: string | null }> {
  const result = await context.steps.modelOrNull("classify", request(issue, evidence, allowed))
  return result ? { answer: read(result.text), model: result.model } : { answer: null, model: null }
}

function kept({ confident: _, ...decision }: Proposal): Omit<Proposal, "confident"> {
  return decision
}

interface End {
  state: "applied" | "declined"
  assignee: string | null
  /** The kind that the owner named instead of approving the proposal. */
  wanted: Kind | null
}

const DECLINED: End = { state: "declined", assignee: null, wanted: null }

/** The proposal with the kind that the owner named. It is confident, because the owner's own word needs no approval. */
function corrections(proposal: Proposal, kind: Kind, allowed: string[]): Proposal {
  const { reusedFrom: _, ...rest } = proposal
  const isBug = kind === "bug"
  const reason = "The owner says so."
  return {
    ...rest,
    kind,
    confidence: 1,
    confident: true,
    reason,
    labels: choose(kind, [], allowed),
    assignee: isBug ? rest.assignee : null,
    reusedFrom: null,
  }
}

const applied = z.object({ ok: z.literal(true), assignee: z.string().nullish() })

/**
 * Carries out the proposal. When it is not applied because a person assigned the issue while the approval was open, the
 * proposal is carried out again without its assignee.
 */
async function proceed(
  { decisions }: TriageDeps,
  { steps }: RunContext,
  act: CallTool,
  { issue, proposal }: { issue: Issue; proposal: Proposal },
): Promise<End> {
  const end = await carryOut(act, issue, proposal)
  if (end.state === "applied" || end.wanted !== null || proposal.assignee === null) return end
  const isGiven = await steps.note("given", async () => {
    const now = await decisions.forIssue(issue.repo, issue.number)
    if (now?.state !== "pending" || now.contentHash !== contentHash(issue)) return false
    return now.correctedTo === null && now.correctedAssignee !== null
  })
  return isGiven ? await carryOut(act, issue, { ...proposal, assignee: null }) : end
}

/** Changes the issue if there is anything to change. An unsure change first asks the owner for an approval. */
async function carryOut(act: CallTool, issue: Issue, proposal: Proposal): Promise<End> {
  const { kind, labels, assignee, confident, reason, confidence } = proposal
  if (labels.length === 0 && assignee === null) return { state: "applied", assignee: null, wanted: null }
  const title = inert(issue.title, 60) || "no title"
  const args = {
    repo: issue.repo,
    number: issue.number,
    title,
    kind,
    labels,
    assignee,
    confident,
    reason,
    sure: confidence,
  }
  const result = await act("apply_triage", args).catch((error: unknown) => {
    if (!(error instanceof Unfinished)) throw error
    throw new Retry(`${error.message}; the run will try again`, { afterMs: PATIENCE_MS, cause: error.cause })
  })
  const done = applied.safeParse(result)
  if (done.success) return { state: "applied", assignee: done.data.assignee ?? null, wanted: null }
  if (!result.ok && (result.code === "denied" || result.code === "expired"))
    return { ...DECLINED, wanted: kindOf(result.instead?.match(/[a-z]+/gi) ?? []) }
  throw new Reject(
    422,
    `${issue.repo}#${issue.number} could not be changed: ${result.ok ? "no reason" : result.message}`,
  )
}

async function mustWork(act: CallTool, name: string, args: unknown): Promise<void> {
  const result = await act(name, args)
  if (!result.ok) throw new Reject(500, `${name} failed: ${result.message}`, { code: "triage_failed" })
}
