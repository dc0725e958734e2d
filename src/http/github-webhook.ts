/**
 * GitHub's webhook: issues that may need triage become events, everything else is recorded and no more. GitHub does not
 * deliver again by itself: what fails here is found by the sweep.
 */
import type { FastifyInstance } from "fastify"
import { sha256 } from "../base/canonical.ts"
import { UNTRUSTED_LABEL } from "../base/label.ts"
import type { WebhookRequest } from "../channels/channel.ts"
import type { Ignored, IssueEvent } from "../channels/github/parse.ts"
import { issueEvent } from "../thread/issue-event.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

const MEGABYTE = 1024 * 1024
const TAKEN = new Set(["opened", "edited", "reopened"])

export function mountGitHub(app: FastifyInstance, deps: WebhookDeps): void {
  const { github } = deps.channels
  if (!github) return
  const route = { path: "/webhooks/github", type: "application/json", bodyLimit: 25 * MEGABYTE, unsigned: 401 } as const
  mountRaw(app, deps, route, async (request) => {
    const found = await github(request)
    const isTaken = !("ignored" in found) && TAKEN.has(found.action)
    const outcome = isTaken ? await take(deps, found) : await keep(deps, request, found)
    return { outcome, status: 202, type: "application/json", body: JSON.stringify({ outcome }) }
  })
}

async function take(deps: WebhookDeps, found: IssueEvent): Promise<string> {
  const { action, deliveryId, sender: _sender, senderIsBot: _bot, label: _label, ...issue } = found
  const accepted = await deps.inbox.accept(issueEvent(issue, { action, delivery: deliveryId }))
  return accepted.duplicate ? "duplicate" : "accepted"
}

/** A note that this came, without its content: people can look, and a second delivery is known. */
async function keep(deps: WebhookDeps, request: WebhookRequest, found: IssueEvent | Ignored): Promise<string> {
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
          changed: found.label ?? null,
        }
  await deps.inbox.record({
    source: "github",
    externalId: `delivery:${delivery || sha256(request.body)}`,
    channel: "github",
    threadKey: "github:deliveries",
    label: UNTRUSTED_LABEL,
    payload: { event: header("x-github-event"), delivery, ...about },
    reason: "ignored" in found ? found.ignored : `action ${found.action}`,
  })
  return "ignored"
}
