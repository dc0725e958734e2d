/** Webhooks of the owner's own, over the API. A secret is shown once, when it is made. */
import { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type Hooks, hookInput, hookName } from "../../thread/hooks/hooks.ts"
import type { Endpoints } from "./endpoint.ts"

const params = z.object({ name: hookName })
const hook = hookInput.extend({ name: z.string(), updatedAt: z.iso.datetime().optional() })
const made = z.object({
  name: z.string(),
  /** Where to post. */
  path: z.string(),
  /** Null when it was made before. */
  secret: z.string().nullable(),
})
const nothing = (name: string) => new Reject(404, `there is no webhook ${name}`, { code: "not_found" })

export function addHookRoutes(endpoints: Endpoints, hooks: Hooks): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/hooks",
    summary: "Webhooks that start something; never their secrets",
    input: {},
    answers: { 200: z.object({ hooks: z.array(hook) }) },
    handle: async () => ({ hooks: await hooks.list() }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/hooks/:name",
    summary: "One webhook",
    input: { params },
    answers: { 200: hook },
    async handle({ params: { name } }) {
      const found = await hooks.get(name)
      if (found === null) throw nothing(name)
      return { name, ...found }
    },
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/hooks/:name",
    summary: "Make or change a webhook; its secret is in the answer once, when it is made",
    input: { params, body: hookInput },
    answers: { 200: made },
    async handle({ params: { name }, body }) {
      const { secret } = await hooks.put(name, body)
      return { name, path: `/webhooks/in/${name}`, secret }
    },
  })
  endpoints.add({
    method: "DELETE",
    path: "/api/v1/hooks/:name",
    summary: "Remove a webhook and its secret",
    input: { params },
    answers: { 204: null },
    async handle({ params: { name } }, _request, reply) {
      if (!(await hooks.remove(name))) throw nothing(name)
      return reply.code(204).send()
    },
  })
}
