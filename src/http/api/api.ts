/** The API: everything under `/api`, for the owner only, in JSON. */
import type { FastifyInstance } from "fastify"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import type { Auth } from "../auth.ts"
import { addChannels, type ChannelDesk } from "./channels.ts"
import { createEndpoints } from "./endpoint.ts"
import { addFeatures, type FeatureApiDeps } from "./features.ts"
import { addHooks } from "./hooks.ts"
import { addMessages, type MessageDeps } from "./messages.ts"
import { addRuns } from "./runs.ts"
import { addDoubts, type DoubtDeps } from "./uncertain-deliveries.ts"

export interface ApiDeps extends MessageDeps, FeatureApiDeps, DoubtDeps {
  auth: Auth
  version: string
  hooks?: Hooks
  desk?: ChannelDesk
}

export function mountApi(app: FastifyInstance, deps: ApiDeps): void {
  app.removeContentTypeParser("text/plain")
  app.addHook("onRequest", async (request) => void (await deps.auth.admit(request)))
  const endpoints = createEndpoints(app, deps.version)
  addMessages(endpoints, deps)
  addRuns(endpoints, deps)
  addDoubts(endpoints, deps)
  addFeatures(endpoints, deps)
  if (deps.desk) addChannels(endpoints, deps.desk)
  if (deps.hooks) addHooks(endpoints, deps.hooks)
  app.get("/api/openapi.json", async () => endpoints.document())
}
