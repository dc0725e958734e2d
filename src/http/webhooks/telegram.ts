/** Telegram's webhook. Retried by Telegram until it is answered with 2xx, so a failure here loses nothing. */
import type { FastifyInstance } from "fastify"
import { SECRET_HEADER } from "../../channels/telegram/verify.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

const ACK_TIMEOUT_MS = 10_000
const ROUTE = {
  path: "/webhooks/telegram",
  proof: SECRET_HEADER,
  type: "application/json",
  bodyLimit: 1024 * 1024,
  unsigned: 401,
} as const

export function mountTelegram(app: FastifyInstance, deps: WebhookDeps): void {
  const telegram = deps.channels.telegram
  const webhook = telegram?.webhook
  if (!telegram || !webhook) return
  mountRaw(app, deps, ROUTE, async (request) => {
    let outcome = "ignored"
    for (const inbound of webhook(request)) {
      const taken = await deps.intake.message(inbound)
      outcome = taken
      if (inbound.pressed === undefined || taken === "stranger") continue
      // The press is committed; taking the waiting sign off the button is a courtesy that may fail.
      telegram
        .ackPress(inbound.pressed, AbortSignal.timeout(ACK_TIMEOUT_MS))
        .catch((error: unknown) => deps.log.debug("press_not_acknowledged", { error }))
    }
    return { outcome, status: 200, type: "application/json", body: "{}" }
  })
}
