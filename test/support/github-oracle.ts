/**
 * GitHub's own description of its API as a judge of what we ask. It is stricter than Prism by itself: a query parameter or
 * a field of a body that the description does not name is a fault too.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { noPrism, openPrism } from "./prism.ts"
import type { ReceivedRequest } from "./stand-in.ts"

export interface GitHubOracle {
  /** What is wrong with a request; empty when nothing is. */
  faults(asked: ReceivedRequest): Promise<string[]>
}

/** Beside the project: it is GitHub's, and measured against, not shipped. */
const DESCRIPTION = join(import.meta.dirname, "..", "..", "..", "shared", "data", "github-openapi.json")
/** The operations in use. */
const PATHS =
  /^\/(?:user|app|app-manifests\/.*|app\/hook\/.*|app\/installations\/.*|repos\/\{owner\}\/\{repo\}(?:|\/hooks.*|\/labels|\/issues|\/issues\/\{issue_number\}(?:|\/labels|\/assignees|\/events)|\/assignees\/\{assignee\}))$/

interface Schema {
  properties?: object
  oneOf?: Schema[]
  additionalProperties?: boolean
}
interface Description {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>
}

/** Why tests that need it are left out; undefined when both parts are there. */
export const noGitHubOracle =
  noPrism ?? (existsSync(DESCRIPTION) ? undefined : "GitHub's API description is not beside the project")

/** Null where something is missing. */
export async function openGitHubOracle(): Promise<GitHubOracle | null> {
  if (noGitHubOracle !== undefined) return null
  const prism = await openPrism([narrowed(JSON.parse(readFileSync(DESCRIPTION, "utf8")))])
  return {
    async faults(asked) {
      const verdict = await prism.judge(asked, asked.body === "" ? undefined : JSON.parse(asked.body))
      if (verdict.refused !== undefined) return [verdict.refused]
      return [
        ...verdict.strangers.map((name) => `the query's ${name} is not in the description`),
        ...verdict.input.map(({ message, path }) => `${path?.join(".") ?? ""} ${message}`.trim()),
      ]
    },
  }
}

/** The operations in use alone, with bodies that hold nothing undescribed. */
function narrowed(description: Description): Description {
  const used = Object.entries(description.paths).filter(([path]) => PATHS.test(path))
  const contents = used.flatMap(([, methods]) => Object.values(methods).map((one) => one.requestBody?.content ?? {}))
  for (const { schema } of contents.flatMap((content) => Object.values(content)))
    for (const one of [schema, ...(schema.oneOf ?? [])]) if (one.properties) one.additionalProperties = false
  return { ...description, paths: Object.fromEntries(used) }
}
