/** Webhooks of the owner's own, over the API. A secret is shown once, when it is made. */
import { Reject } from "../../base/errors.ts"
import { hookAnswer, hookInput, hookMadeAnswer, hookParams, hooksAnswer } from "../../contract/installation/hooks.ts"
import type { Hooks } from "../../thread/hooks/hooks.ts"
import type { Endpoints } from "./endpoint.ts"

const nothing = (name: string) => new Reject(404, `there is no webhook ${name}`, { code: "not_found" })

export function addHookRoutes(endpoints: Endpoints, hooks: Hooks): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/hooks",
    summary: "Webhooks that start something; never their secrets",
    input: {},
    answers: { 200: hooksAnswer },
    handle: async () => ({ status: 200, body: { hooks: await hooks.list() } }),
  })
  endpoints.add({
    method: "GET",
    path: "/api/v1/hooks/:name",
    summary: "One webhook",
    input: { params: hookParams },
    answers: { 200: hookAnswer },
    async handle({ params: { name } }) {
      const found = await hooks.get(name)
      if (found === null) throw nothing(name)
      return { status: 200, body: { name, ...found } }
    },
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/hooks/:name",
    summary: "Make or change a webhook; its secret is in the answer once, when it is made",
    input: { params: hookParams, body: hookInput },
    answers: { 200: hookMadeAnswer },
    async handle({ params: { name }, body }) {
      const { secret } = await hooks.put(name, body)
      return { status: 200, body: { name, path: `/webhooks/in/${name}`, secret } }
    },
  })
  endpoints.add({
    method: "DELETE",
    path: "/api/v1/hooks/:name",
    summary: "Remove a webhook and its secret",
    input: { params: hookParams },
    answers: { 204: null },
    async handle({ params: { name } }) {
      if (!(await hooks.remove(name))) throw nothing(name)
      return { status: 204 }
    },
  })
}
