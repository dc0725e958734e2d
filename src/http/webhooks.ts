/**
 * Webhooks: what Telegram, Twilio, a mail receiver, GitHub and the owner's own programs deliver. Verified over the raw
 * bytes, then committed, then acknowledged, in this order. A channel without its secret has no route here.
 */
import type { FastifyInstance } from "fastify"
import type { Hooks } from "../thread/hooks.ts"
import { mountEmail } from "./email-webhook.ts"
import { type GitHubWebhookDeps, mountGitHub } from "./github-webhook.ts"
import { mountHooks } from "./hook-webhook.ts"
import { mountTelegram } from "./telegram-webhook.ts"
import { mountTwilio } from "./twilio-webhook.ts"

export function mountWebhooks(app: FastifyInstance, deps: GitHubWebhookDeps & { hooks?: Hooks }): void {
  mountTelegram(app, deps)
  mountTwilio(app, deps)
  mountEmail(app, deps)
  mountGitHub(app, deps)
  mountHooks(app, deps)
}
