/**
 * GitHub's own description of its API as a judge: Prism holds what we ask against it. It is stricter than Prism by itself: a
 * query parameter or a field of a body that the description does not name is a fault too.
 */
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { Asked } from "./stand-in.ts"

export interface GitHubOracle {
  /** What is wrong with a request; empty when nothing is. */
  faults(asked: Asked): Promise<string[]>
}

const INSTALL = join(import.meta.dirname, "..", "oracles")
/** Beside the project: it is GitHub's, and measured against, not shipped. */
const DESCRIPTION = join(import.meta.dirname, "..", "..", "..", "shared", "data", "github-openapi.json")
/** The operations in use; preparing all of them takes longer than a test. */
const PATHS =
  /^\/(?:user|app|app-manifests\/.*|app\/hook\/.*|app\/installations\/.*|repos\/\{owner\}\/\{repo\}(?:|\/hooks.*|\/labels|\/issues|\/issues\/\{issue_number\}(?:|\/labels|\/assignees|\/events)|\/assignees\/\{assignee\}))$/

interface Operation {
  request?: { query?: { name: string }[] }
}
interface Schema {
  properties?: object
  oneOf?: Schema[]
  additionalProperties?: boolean
}
interface Description {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>
}
type Result =
  | { _tag: "Left"; left: { detail?: string; message?: string } }
  | { _tag: "Right"; right: { validations: { input: { message: string; path?: (string | number)[] }[] } } }
/** The part of Prism in use; it is installed apart, so that its types are not there to be checked. */
interface Prism {
  getHttpOperationsFromSpec(description: Description): Promise<Operation[]>
  createInstance(
    config: object,
    components: object,
  ): { request(input: object, operations: Operation[]): () => Promise<Result> }
}

/** Why tests that need it are left out; undefined when both parts are there. */
export const noGitHubOracle = !existsSync(join(INSTALL, "node_modules", "@stoplight", "prism-http"))
  ? "Prism is not installed: npm ci --prefix test/oracles --ignore-scripts"
  : existsSync(DESCRIPTION)
    ? undefined
    : "GitHub's API description is not beside the project"

/** Null where something is missing. */
export async function openGitHubOracle(): Promise<GitHubOracle | null> {
  if (noGitHubOracle !== undefined) return null
  const prism: Prism = createRequire(join(INSTALL, "package.json"))("@stoplight/prism-http")
  const description: Description = JSON.parse(readFileSync(DESCRIPTION, "utf8"))
  const operations = await prism.getHttpOperationsFromSpec(narrowed(description))
  return {
    async faults(asked) {
      const unknown: string[] = []
      const query = Object.fromEntries(asked.url.searchParams)
      const mock = ({ resource }: { resource: Operation }) => {
        const named = new Set(resource.request?.query?.map(({ name }) => name))
        unknown.push(...Object.keys(query).filter((name) => !named.has(name)))
        return () => ({ _tag: "Right", right: { statusCode: 200, headers: {}, body: undefined } })
      }
      const config = { mock: {}, validateRequest: true, validateResponse: false, checkSecurity: true, errors: false }
      const instance = prism.createInstance({ ...config, isProxy: false }, { logger: silent, mock })
      const result = await instance.request(inputOf(asked, query), operations)()
      if (result._tag === "Left") return [result.left.detail ?? result.left.message ?? "it could not be judged"]
      return [
        ...unknown.map((name) => `the query's ${name} is not in the description`),
        ...result.right.validations.input.map(({ message, path }) => `${path?.join(".") ?? ""} ${message}`.trim()),
      ]
    },
  }
}

function inputOf(asked: Asked, query: Record<string, string>): object {
  const url = { path: asked.url.pathname, query }
  const body = asked.body === "" ? {} : { body: JSON.parse(asked.body) as unknown }
  return { method: asked.method.toLowerCase(), url, headers: asked.headers, ...body }
}

/** The operations in use alone, with bodies that hold nothing undescribed. */
function narrowed(description: Description): Description {
  const used = Object.entries(description.paths).filter(([path]) => PATHS.test(path))
  const contents = used.flatMap(([, methods]) => Object.values(methods).map((one) => one.requestBody?.content ?? {}))
  for (const { schema } of contents.flatMap((content) => Object.values(content)))
    for (const one of [schema, ...(schema.oneOf ?? [])]) if (one.properties) one.additionalProperties = false
  return { ...description, paths: Object.fromEntries(used) }
}

const nothing = () => {}
const silent = {
  info: nothing,
  debug: nothing,
  warn: nothing,
  error: nothing,
  trace: nothing,
  success: nothing,
  child: () => silent,
}
