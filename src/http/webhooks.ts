/**
 * Webhooks: what Telegram, Twilio, a mail receiver and GitHub deliver. Verified over the raw bytes, then committed, then acknowledged,
 * in this order. A channel without its secret has no route here.
 */
import type { FastifyInstance } from "fastify"
import { mountEmail } from "./email-webhook.ts"
import { mountGitHub } from "./github-webhook.ts"
import type { WebhookDeps } from "./raw-route.ts"
import { mountTelegram } from "./telegram-webhook.ts"
import { mountTwilio } from "./twilio-webhook.ts"

export function mountWebhooks(app: FastifyInstance, deps: WebhookDeps): void {
  mountTelegram(app, deps)
  mountTwilio(app, deps)
  mountEmail(app, deps)
  mountGitHub(app, deps)
}
