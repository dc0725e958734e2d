/** The mail receiver's webhook: a raw message. What is not for us is answered 200 as well, so that nobody posts it again. */
import type { FastifyInstance } from "fastify"
import { SIGNATURE_HEADER } from "../../channels/signature.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

/** The largest mail, files included. */
const BODY_LIMIT = 10 * 1024 * 1024

export function mountEmail(app: FastifyInstance, deps: WebhookDeps): void {
  const webhook = deps.channels.email?.webhook
  if (!webhook) return
  const type = ["message/rfc822", "application/octet-stream"]
  const route = {
    path: "/webhooks/email",
    proof: SIGNATURE_HEADER,
    type,
    bodyLimit: BODY_LIMIT,
    unsigned: 401,
  } as const
  mountRaw(app, deps, route, async (request) => {
    const received = await webhook(request)
    if ("ignored" in received) deps.log.info("email_ignored", { reason: received.ignored })
    const outcome = "ignored" in received ? received.ignored : await deps.intake.message(received.inbound)
    return { outcome, status: 200, type: "application/json", body: "{}" }
  })
}
