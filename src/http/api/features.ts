/** The features over the API: automations, memories, secrets (never values), spend, the demo, triage. */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import type { Sessions } from "../../thread/people/sessions.ts"
import type { Endpoints } from "./endpoint.ts"
import {
  demoResult,
  type Features,
  pairInput,
  pairing,
  rota,
  secretInput,
  secretName,
  status,
} from "./feature-access.ts"

const row = z.record(z.string(), z.unknown())
const limit = z.coerce.number().int().min(1).max(200).default(50)
/** Without it: for every repository that has none of its own. */
const ofRepo = z.object({
  repo: z
    .string()
    .regex(/^[\w.-]{1,100}\/[\w.-]{1,100}$/, "must be owner/name")
    .optional(),
})
const done = z.object({ ok: z.literal(true) })
const link = z.object({ path: z.string(), url: z.string(), expiresInMinutes: z.number() })

export interface FeatureApiDeps {
  features: Features
  sessions: Sessions
  /** Address of `/start?k=...` as the owner can open it. */
  linkTo: (key: string) => { path: string; url: string; expiresInMinutes: number }
}

export function addFeatureRoutes(endpoints: Endpoints, { features, sessions, linkTo }: FeatureApiDeps): void {
  addLists(endpoints, features)
  addSecrets(endpoints, features)

  endpoints.add({
    method: "POST",
    path: "/api/v1/link",
    summary: "A one-time link that lets a browser in",
    input: {},
    answers: { 201: link },
    handle: async (_input, _request, reply) => reply.code(201).send(linkTo(await sessions.mint())),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/pairings",
    summary:
      "A code that makes whoever texts it known: `name` is `me`, somebody known, or somebody new; works once, for 10 minutes",
    input: { body: pairInput },
    answers: { 201: pairing },
    handle: async ({ body }, _request, reply) => reply.code(201).send(await features.pair(body.name)),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/demo",
    summary: "Triage the demo's issues and make their digest",
    input: {},
    answers: { 200: demoResult },
    handle: async () => await features.runDemo(),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/triage/rota",
    summary: "Who is on call; for one repository with `repo`",
    input: { query: ofRepo },
    answers: { 200: z.object({ rota: rota.nullable() }) },
    handle: async ({ query }) => ({ rota: await features.rota(query.repo) }),
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/triage/rota",
    summary: "Set who is on call; for one repository with `repo`",
    input: { query: ofRepo, body: rota },
    answers: { 200: done },
    async handle({ query, body }) {
      await features.setRota(body, query.repo)
      return { ok: true }
    },
  })
}

function addLists(endpoints: Endpoints, features: Features): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/status",
    summary: "What is running and how",
    input: {},
    answers: { 200: status },
    handle: async () => await features.status(),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/automations",
    summary: "Automations",
    input: {},
    answers: { 200: z.object({ automations: z.array(row) }) },
    handle: async () => ({ automations: await features.automations() }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/memories",
    summary: "Memories that `q` finds, with scores; the newest without it",
    input: { query: z.object({ q: z.string().trim().min(1).max(1000).optional(), limit }) },
    answers: { 200: z.object({ memories: z.array(row) }) },
    handle: async ({ query }) => ({ memories: await features.memories(query) }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/spend",
    summary: "Money spent and its limits, in US dollars",
    input: {},
    answers: { 200: row },
    handle: async () => await features.spend(),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/triage/decisions",
    summary: "Decisions about issues, newest first",
    input: { query: z.object({ limit, repo: z.string().max(140).optional() }) },
    answers: { 200: z.object({ decisions: z.array(row) }) },
    handle: async ({ query }) => ({ decisions: await features.decisions(query) }),
  })
}

function addSecrets(endpoints: Endpoints, features: Features): void {
  const params = z.object({ name: secretName })
  endpoints.add({
    method: "GET",
    path: "/api/v1/secrets",
    summary: "Names of secrets, who may use them and where; never values",
    input: {},
    answers: { 200: z.object({ secrets: z.array(row) }) },
    handle: async () => ({ secrets: await features.secrets() }),
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/secrets/:name",
    summary: "Set a secret",
    input: { params, body: secretInput },
    answers: { 204: null },
    async handle({ params: { name }, body }, _request, reply) {
      await features.setSecret(name, body)
      return reply.code(204).send()
    },
  })
  endpoints.add({
    method: "DELETE",
    path: "/api/v1/secrets/:name",
    summary: "Remove a secret",
    input: { params },
    answers: { 204: null },
    async handle({ params: { name } }, _request, reply) {
      if (!(await features.deleteSecret(name)))
        throw new Reject(404, `there is no secret ${name}`, { code: "not_found" })
      return reply.code(204).send()
    },
  })
}
