/**
 * Webhooks: what Telegram, Twilio, a mail receiver, GitHub and the owner's own programs deliver. Verified over the raw
 * bytes, then committed, then acknowledged, in this order. A channel without its secret has no route here.
 */
import type { FastifyInstance } from "fastify"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import { mountEmail } from "./email.ts"
import { type GitHubWebhookDeps, mountGitHub } from "./github.ts"
import { mountHooks } from "./own.ts"
import { mountTelegram } from "./telegram.ts"
import { mountTwilio } from "./twilio.ts"

export function mountWebhooks(app: FastifyInstance, deps: GitHubWebhookDeps & { hooks?: Hooks }): void {
  mountTelegram(app, deps)
  mountTwilio(app, deps)
  mountEmail(app, deps)
  mountGitHub(app, deps)
  mountHooks(app, deps)
}
