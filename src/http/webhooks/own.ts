/** The owner's own webhooks: signed JSON to `/webhooks/in/<name>`. */
import type { FastifyInstance } from "fastify"
import { SIGNATURE_HEADER } from "../../channels/signature.ts"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import { mountRaw, type WebhookDeps } from "./raw-route.ts"

export function mountHooks(app: FastifyInstance, deps: WebhookDeps & { hooks?: Hooks }): void {
  const { hooks } = deps
  if (!hooks) return
  const route = {
    path: "/webhooks/in/:name",
    proof: SIGNATURE_HEADER,
    type: "application/json",
    bodyLimit: 256 * 1024,
    unsigned: 401,
  } as const
  mountRaw(app, deps, route, async (request) => {
    const name = /^\/webhooks\/in\/([^/?]*)/.exec(request.url)?.[1] ?? ""
    const outcome = await hooks.receive(name, request)
    const status = outcome === "accepted" ? 202 : 200
    return { outcome, status, type: "application/json", body: JSON.stringify({ outcome }) }
  })
}
