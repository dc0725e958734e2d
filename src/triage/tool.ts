/**
 * Tool `triage_issue`: the owner asks for the triage of one issue. The issue takes the path of a webhook: it goes into the
 * inbox, which drops an issue that it has already, and a run decides. The tool returns the decision, or before there is one
 * the proposal of the rules and the past.
 */
import { z } from "zod"
import { Misconfigured } from "../base/errors.ts"
import { UNTRUSTED_LABEL } from "../base/label.ts"
import type { Inbox } from "../thread/inbox/inbox.ts"
import { type EffectTool, failed, type ToolResult } from "../tools/tool.ts"
import type { Decision, Decisions } from "./decisions/decisions.ts"
import { type EvidenceDeps, gather, type Similar, type Subject } from "./decisions/evidence.ts"
import { propose } from "./proposal.ts"
import type { GitHubOf } from "./repository/apply.ts"
import { contentHash, issueEvent } from "./repository/issue-event.ts"
import type { Labels } from "./repository/labels.ts"
import type { Rotas } from "./repository/rota.ts"
import { THRESHOLD } from "./triage.ts"

export interface TriageToolDeps extends EvidenceDeps {
  github: GitHubOf
  inbox: Pick<Inbox, "accept">
  decisions: Decisions
  labels: Labels
  rotas: Pick<Rotas, "onCall">
}

const input = z.object({
  repo: z
    .string()
    .regex(/^[\w-][\w.-]*\/[\w.-]+$/)
    .describe("owner/name"),
  number: z.number().int().positive(),
})
type Args = z.output<typeof input>

export function createTriageTool(deps: TriageToolDeps): EffectTool<Args> {
  return {
    name: "triage_issue",
    description:
      "Triages one GitHub issue: says its kind, labels and who takes it. Changes on GitHub follow the usual approvals.",
    input,
    effect: "write",
    needs: "collaborator",
    ownerOnly: true,
    replay: "idempotent",
    show: ({ repo, number }) => `triage ${repo}#${number}`,
    async run(args, { signal, now }) {
      const client = deps.github(args.repo)
      if (!client) return await knownOnly(deps, args)
      const issue = await client.getIssue(args.repo, args.number, signal)
      const { title, body, labels, assignees } = issue
      if (issue.isPullRequest) return failed("invalid", `${args.repo}#${args.number} is a pull request`)
      const { duplicate } = await deps.inbox.accept(issueEvent(issue))
      const subject = { ...args, title, body }
      const decided = await deps.decisions.forIssue(args.repo, args.number)
      if (decided?.contentHash === contentHash(issue)) return await report(deps, subject, decided, signal)
      const [evidence, twin, allowed, onCall] = await Promise.all([
        gather(deps, subject, signal),
        deps.decisions.twin({ ...args, contentHash: contentHash(issue) }),
        deps.labels.allowed(args.repo, client, signal),
        deps.rotas.onCall(args.repo, now),
      ])
      const issueState = { labels, assignees, allowed, onCall }
      const { kind, confidence, reason, ...rest } = propose({
        evidence,
        issueState,
        twin,
        answer: null,
        threshold: THRESHOLD,
      })
      return {
        ok: true,
        ...args,
        kind,
        confidence,
        reason,
        labels: rest.labels,
        ...(rest.assignee === null ? {} : { assignee: rest.assignee }),
        state: duplicate ? "under way" : "started",
        similar: evidence.similar,
      }
    },
  }
}

/** Without a client for the repository only a decision that is stored can be told. */
async function knownOnly(deps: TriageToolDeps, { repo, number }: Args): Promise<ToolResult> {
  const decided = await deps.decisions.forIssue(repo, number)
  if (decided) return shown(decided)
  throw new Misconfigured(`I cannot read ${repo}#${number}`, {
    fix: "set GITHUB_TOKEN and add the repository to GITHUB_REPOS",
  })
}

async function report(
  deps: TriageToolDeps,
  subject: Subject,
  decided: Decision,
  signal: AbortSignal,
): Promise<ToolResult> {
  const { similar } = await gather(deps, subject, signal)
  return shown(decided, similar)
}

/** The result for a decision. A reason in a model's words has the label of the issue that the model read. */
function shown(decision: Decision, similar: Similar[] = []): ToolResult {
  const { repo, number, kind, correctedTo, confidence, reason, labels, assignee, state, method } = decision
  return {
    ok: true,
    repo,
    number,
    kind: correctedTo ?? kind,
    confidence,
    reason,
    labels,
    ...(assignee === null ? {} : { assignee }),
    state,
    similar,
    ...(method === "model" ? { label: UNTRUSTED_LABEL } : {}),
  }
}
