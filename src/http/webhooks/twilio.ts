/** Twilio's two webhooks: messages, answered with empty TwiML (replies go out by themselves), and delivery reports. */
import type { FastifyInstance } from "fastify"
import { TWILIO_SIGNATURE_HEADER } from "../../channels/sms/verify.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

const ROUTE = {
  proof: TWILIO_SIGNATURE_HEADER,
  type: "application/x-www-form-urlencoded",
  bodyLimit: 64 * 1024,
  unsigned: 403,
} as const

export function mountTwilio(app: FastifyInstance, deps: WebhookDeps): void {
  const webhook = deps.channels.sms?.webhook
  if (!webhook) return
  mountRaw(app, deps, { ...ROUTE, path: "/webhooks/twilio" }, async (request) => {
    const outcome = await deps.intake.message(webhook.incoming(request))
    return { outcome, status: 200, type: "text/xml; charset=utf-8", body: "<Response/>" }
  })
  mountRaw(app, deps, { ...ROUTE, path: "/webhooks/twilio/status" }, async (request) => {
    const { providerId, outboxId, state, failure } = webhook.status(request)
    const isFinal = state === "delivered" || state === "failed"
    const threadId = isFinal
      ? await deps.outbox.reported({ channel: "sms", providerId, outboxId, state, error: failure })
      : null
    if (threadId) deps.notifier.notify("thread", threadId)
    return { outcome: "status", status: 204, type: "text/plain", body: "" }
  })
}
