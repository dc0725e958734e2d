/**
 * GitHub's webhook: issues that may need triage become events, everything else is recorded and no more. GitHub does not
 * deliver again by itself: what fails here is found by the sweep.
 */
import type { FastifyInstance } from "fastify"
import { sha256 } from "../../base/canonical.ts"
import { UNTRUSTED_LABEL } from "../../base/label.ts"
import type { WebhookRequest } from "../../channels/channel.ts"
import type { IgnoredDelivery, IssueEvent } from "../../channels/github/parse.ts"
import { GITHUB_SIGNATURE_HEADER } from "../../channels/github/verify.ts"
import { GITHUB_WEBHOOK } from "../../channels/github/webhook.ts"
import type { Db, Tx } from "../../db/db.ts"
import type { Corrections } from "../../triage/repository/corrections.ts"
import { issueEvent } from "../../triage/repository/issue-event.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

export interface GitHubWebhookDeps extends WebhookDeps {
  db: Db
  /** Hears what people make of decisions. */
  corrections?: Pick<Corrections, "hear">
}

const MEGABYTE = 1024 * 1024
const TAKEN = new Set(["opened", "edited", "reopened"])

export function mountGitHub(app: FastifyInstance, deps: GitHubWebhookDeps): void {
  const { github } = deps.channels
  if (!github) return
  const route = {
    path: GITHUB_WEBHOOK,
    proof: GITHUB_SIGNATURE_HEADER,
    type: "application/json",
    bodyLimit: 25 * MEGABYTE,
    unsigned: 401,
  } as const
  mountRaw(app, deps, route, async (request) => {
    const found = await github(request)
    const isTaken = !("ignored" in found) && TAKEN.has(found.action)
    const outcome = isTaken
      ? await take(deps, found)
      : await deps.db.transaction((tx) => keep(tx, deps, request, found))
    return { outcome, status: 202, type: "application/json", body: JSON.stringify({ outcome }) }
  })
}

async function take(deps: WebhookDeps, found: IssueEvent): Promise<string> {
  const { action, deliveryId, sender: _sender, senderIsBot: _bot, label: _label, assignee: _who, ...issue } = found
  const accepted = await deps.inbox.accept(issueEvent(issue, { action, delivery: deliveryId }))
  return accepted.duplicate ? "duplicate" : "accepted"
}

/**
 * A note that this came, without its content: people can look, and a second delivery is known. Labels and assignees that
 * people changed are heard with it. Our own changes come back like this too, and end here: no run starts from them.
 */
async function keep(
  tx: Tx,
  deps: GitHubWebhookDeps,
  request: WebhookRequest,
  found: IssueEvent | IgnoredDelivery,
): Promise<string> {
  const header = (name: string) => String(request.headers[name] ?? "").slice(0, 200)
  const delivery = header("x-github-delivery")
  const about =
    "ignored" in found
      ? {}
      : {
          repo: found.repo,
          number: found.number,
          action: found.action,
          sender: found.sender,
          changed: found.label ?? found.assignee ?? null,
        }
  const note = {
    source: "github",
    externalId: `delivery:${delivery || sha256(request.body)}`,
    channel: "github",
    threadKey: "github:deliveries",
    label: UNTRUSTED_LABEL,
    payload: { event: header("x-github-event"), delivery, ...about },
    reason: "ignored" in found ? found.ignored : `action ${found.action}`,
  } as const
  if ((await deps.inbox.record(note, tx)).duplicate) return "duplicate"
  if ("ignored" in found) return "ignored"
  return (await deps.corrections?.hear(tx, { ...found, at: found.updatedAt })) ?? "ignored"
}
