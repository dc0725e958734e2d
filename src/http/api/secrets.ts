/** Secrets over the API: a value is set or removed, and never read back. */
import type { z } from "zod"
import { Reject } from "../../base/errors.ts"
import { type SecretRow, secretInput, secretParams, secretsAnswer } from "../../contract/installation/secrets.ts"
import type { Served } from "../../contract/instant.ts"
import type { Endpoints } from "./endpoint.ts"

export interface SecretAccess {
  /** Names and bindings, never values. */
  secrets(): Promise<Served<SecretRow>[]>
  setSecret(name: string, secret: z.output<typeof secretInput>): Promise<void>
  /** False when there was none. */
  deleteSecret(name: string): Promise<boolean>
}

export function addSecretRoutes(endpoints: Endpoints, access: SecretAccess): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/secrets",
    summary: "Names of secrets, who may use them and where; never values",
    input: {},
    answers: { 200: secretsAnswer },
    handle: async () => ({ status: 200, body: { secrets: await access.secrets() } }),
  })
  endpoints.add({
    method: "PUT",
    path: "/api/v1/secrets/:name",
    summary: "Set a secret",
    input: { params: secretParams, body: secretInput },
    answers: { 204: null },
    async handle({ params: { name }, body }) {
      await access.setSecret(name, body)
      return { status: 204 }
    },
  })
  endpoints.add({
    method: "DELETE",
    path: "/api/v1/secrets/:name",
    summary: "Remove a secret",
    input: { params: secretParams },
    answers: { 204: null },
    async handle({ params: { name } }) {
      if (!(await access.deleteSecret(name))) throw new Reject(404, `there is no secret ${name}`, { code: "not_found" })
      return { status: 204 }
    },
  })
}
