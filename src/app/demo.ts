/**
 * Demo, wired: a second server takes the signed webhook calls of the demo. It listens on no port and has a secret of its own,
 * so that the calls go the real way and nothing is open to the outside.
 */
import { randomBytes } from "node:crypto"
import type { FastifyInstance } from "fastify"
import { createGitHubWebhook, type GitHubWebhook } from "../channels/github/webhook.ts"
import type { DemoResult } from "../contract/work/demo.ts"
import { createDemo } from "../triage/demo/demo.ts"
import { DEMO_REPO } from "../triage/demo/repository.ts"
import { today } from "./agent.ts"
import type { Infrastructure } from "./infrastructure.ts"
import type { Stores } from "./stores.ts"
import type { Triage } from "./triage.ts"

export interface DemoWiring {
  infrastructure: Infrastructure
  stores: Stores
  triage: Triage
  /** Makes a server with this GitHub webhook and no other channel. */
  door: (github: GitHubWebhook) => FastifyInstance
}

export async function runDemo({ infrastructure, stores, triage, door }: DemoWiring): Promise<DemoResult> {
  const { db, clock, kv, owner, hostZone } = infrastructure
  const secret = randomBytes(32).toString("hex")
  const github = createGitHubWebhook({ repos: [DEMO_REPO], webhookSecret: secret })
  if (!github) throw new Error("the demo's webhook has a secret and still does not exist")
  const server = door(github)
  try {
    const demo = createDemo({
      db,
      clock,
      kv,
      memory: stores.memory,
      decisions: triage.decisions,
      rotas: triage.rotas,
      secret,
      post: async (body, headers) =>
        (await server.inject({ method: "POST", url: "/webhooks/github", headers, body })).statusCode,
      digest: () => today(stores.digests, clock.now(), owner.zone ?? hostZone),
    })
    return await demo.run()
  } finally {
    await server.close()
  }
}
