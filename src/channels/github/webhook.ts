/** GitHub webhook: verifies a delivery over its raw bytes, and parses it only then. Without a secret there is no webhook. */
import { Deny, Reject } from "../../base/errors.ts"
import type { WebhookRequest } from "../channel.ts"
import type { IgnoredDelivery, IssueEvent } from "./parse.ts"
import { parseDelivery } from "./parse.ts"
import { GITHUB_SIGNATURE_HEADER, isFromGitHub } from "./verify.ts"

/** The path, below our public address, to which GitHub delivers. */
export const GITHUB_WEBHOOK = "/webhooks/github"

/** Reads one delivery. Throws `Deny` for a wrong signature, `Reject` for a body that is not JSON. */
export type GitHubWebhook = (request: WebhookRequest) => Promise<IssueEvent | IgnoredDelivery>

/** Null without a secret: then the route must not exist. */
export function createGitHubWebhook(settings: { webhookSecret?: string; repos: string[] }): GitHubWebhook | null {
  const secret = settings.webhookSecret ?? ""
  if (secret === "") return null
  return async ({ headers, body }) => {
    if (!(await isFromGitHub(secret, headers[GITHUB_SIGNATURE_HEADER], body))) {
      throw new Deny("the GitHub signature is missing or wrong", {
        code: "bad_signature",
        fix: "Use the same secret in GITHUB_WEBHOOK_SECRET and on GitHub.",
      })
    }
    return parseDelivery(
      single(headers["x-github-event"]),
      single(headers["x-github-delivery"]),
      jsonOf(body),
      settings.repos,
    )
  }
}

const single = (header: string | string[] | undefined): string => (typeof header === "string" ? header : "")

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new Reject(400, "the GitHub delivery is not JSON", {
      code: "bad_body",
      fix: "Set the webhook's content type to application/json.",
      cause,
    })
  }
}
