/** The API: everything under `/api`, for the owner only, in JSON. */
import type { FastifyInstance } from "fastify"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import type { Auth } from "../auth.ts"
import { addChannelRoutes, type ChannelAdmin } from "./channels.ts"
import { createEndpoints } from "./endpoint.ts"
import { addFeatureRoutes, type FeatureApiDeps } from "./features.ts"
import { addHookRoutes } from "./hooks.ts"
import { addMessageRoutes, type MessageDeps } from "./messages.ts"
import { addRunRoutes } from "./runs.ts"
import { addUncertainRoutes, type UncertainDeps } from "./uncertain-deliveries.ts"

export interface ApiDeps extends MessageDeps, FeatureApiDeps, UncertainDeps {
  auth: Auth
  version: string
  hooks?: Hooks
  channelAdmin?: ChannelAdmin
}

export function mountApi(app: FastifyInstance, deps: ApiDeps): void {
  app.removeContentTypeParser("text/plain")
  app.addHook("onRequest", async (request) => void (await deps.auth.admit(request)))
  const endpoints = createEndpoints(app, deps.version)
  addMessageRoutes(endpoints, deps)
  addRunRoutes(endpoints, deps)
  addUncertainRoutes(endpoints, deps)
  addFeatureRoutes(endpoints, deps)
  if (deps.channelAdmin) addChannelRoutes(endpoints, deps.channelAdmin)
  if (deps.hooks) addHookRoutes(endpoints, deps.hooks)
  app.get("/api/openapi.json", async () => endpoints.document())
}
