/** The API: everything under `/api`, for the owner only, in JSON. Each subject of the contract has its file here. */
import type { FastifyInstance } from "fastify"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import type { Auth } from "../auth.ts"
import { type ApprovalDeps, addApprovalRoutes } from "./approvals.ts"
import { type AutomationAccess, addAutomationRoutes } from "./automations.ts"
import { addChannelRoutes, type ChannelAdmin } from "./channels.ts"
import { addDemoRoutes, type DemoAccess } from "./demo.ts"
import { createEndpoints } from "./endpoint.ts"
import { addEventRoutes, type EventDeps } from "./events.ts"
import { addHookRoutes } from "./hooks.ts"
import { addMemoryRoutes, type MemoryAccess } from "./memories.ts"
import { addMessageRoutes, type MessageDeps } from "./messages.ts"
import { addPeopleRoutes, type LinkDeps, type PairingAccess } from "./people.ts"
import { addRunRoutes } from "./runs.ts"
import { addSecretRoutes, type SecretAccess } from "./secrets.ts"
import { addSpendRoutes, type SpendAccess } from "./spend.ts"
import { addStatusRoutes, type StatusAccess } from "./status.ts"
import { addTriageRoutes, type TriageAccess } from "./triage.ts"
import { addUncertainRoutes, type UncertainDeps } from "./uncertain-deliveries.ts"

/** What the rooms below do for the API and the pages, as functions that the composition root wires. */
export interface Features
  extends StatusAccess,
    AutomationAccess,
    MemoryAccess,
    SecretAccess,
    SpendAccess,
    PairingAccess,
    DemoAccess,
    TriageAccess {}

export interface ApiDeps extends MessageDeps, EventDeps, ApprovalDeps, UncertainDeps, LinkDeps {
  auth: Auth
  version: string
  features: Features
  hooks?: Hooks
  channelAdmin?: ChannelAdmin
}

export function mountApi(app: FastifyInstance, deps: ApiDeps): void {
  app.removeContentTypeParser("text/plain")
  app.addHook("onRequest", async (request) => void (await deps.auth.admit(request)))
  const { features } = deps
  const endpoints = createEndpoints(app, deps.version)
  addMessageRoutes(endpoints, deps)
  addEventRoutes(endpoints, deps)
  addRunRoutes(endpoints, deps)
  addApprovalRoutes(endpoints, deps)
  addUncertainRoutes(endpoints, deps)
  addStatusRoutes(endpoints, features)
  addAutomationRoutes(endpoints, features)
  addMemoryRoutes(endpoints, features)
  addSecretRoutes(endpoints, features)
  addSpendRoutes(endpoints, features)
  addTriageRoutes(endpoints, features)
  addDemoRoutes(endpoints, features)
  addPeopleRoutes(endpoints, { ...deps, ...features })
  if (deps.channelAdmin) addChannelRoutes(endpoints, deps.channelAdmin)
  if (deps.hooks) addHookRoutes(endpoints, deps.hooks)
  app.get("/api/openapi.json", async () => endpoints.document())
}
