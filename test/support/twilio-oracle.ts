/**
 * Twilio's own API descriptions as a judge: Prism holds what we ask, and what our stand-in answers, against them. It is
 * stricter than Prism by itself: a field or query parameter that no description names is a fault too.
 */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { Answer, Asked } from "./stand-in.ts"

export interface TwilioOracle {
  /** What is wrong with the request, and with the answer to it where one is given; empty when nothing is. */
  faults(asked: Asked, answer?: Answer): Promise<string[]>
  /** The values a schema of the description allows, by its name: `message_enum_status`. */
  values(schema: string): string[]
}

const INSTALL = join(import.meta.dirname, "..", "oracles")
/** The operations in use; preparing all of them takes longer than a test. */
const PATHS =
  /^\/(?:2010-04-01\/Accounts\/\{(?:Account)?Sid\}(?:\.json|\/Messages.*|\/IncomingPhoneNumbers(?:\/\{Sid\})?\.json)|v1\/Services(?:\/\{Sid\}|\/\{ServiceSid\}\/PhoneNumbers)?)$/
const DESCRIPTIONS = ["twilio_api_v2010.json", "twilio_messaging_v1.json"]

interface Operation {
  request?: { query?: { name: string }[] }
}
interface Schema {
  properties?: Record<string, Schema>
  enum?: string[]
  additionalProperties?: boolean
}
interface Description {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: Schema }> } }>>
  components: { schemas: Record<string, Schema> }
}
interface Finding {
  message: string
  path?: (string | number)[]
}
type Result =
  | { _tag: "Left"; left: { detail?: string; message?: string } }
  | { _tag: "Right"; right: { validations: { input: Finding[]; output: Finding[] } } }
/** The part of Prism in use; it is installed apart, so that its types are not there to be checked. */
interface Prism {
  getHttpOperationsFromSpec(description: Description): Promise<Operation[]>
  createInstance(
    config: object,
    components: object,
  ): { request(input: object, operations: Operation[]): () => Promise<Result> }
}

/** Why tests that need it are left out; undefined when it is installed. */
export const noTwilioOracle = existsSync(join(INSTALL, "node_modules", "@stoplight", "prism-http"))
  ? undefined
  : "Twilio's API description is not installed: npm ci --prefix test/oracles --ignore-scripts"

/** Null where it is not installed. */
export async function openTwilioOracle(): Promise<TwilioOracle | null> {
  if (noTwilioOracle !== undefined) return null
  const load = createRequire(join(INSTALL, "package.json"))
  const prism: Prism = load("@stoplight/prism-http")
  const descriptions = DESCRIPTIONS.map((name) =>
    narrowed(load(`@twilio/cli-core/src/services/twilio-api/${name}`) as Description),
  )
  const operations = (await Promise.all(descriptions.map((one) => prism.getHttpOperationsFromSpec(one)))).flat()

  async function faults(asked: Asked, answer?: Answer): Promise<string[]> {
    const unknown: string[] = []
    const query = Object.fromEntries(asked.url.searchParams)
    const output = {
      statusCode: answer?.status ?? 200,
      headers: { "content-type": "application/json" },
      body: answer?.body,
    }
    const mock = ({ resource }: { resource: Operation }) => {
      const named = new Set(resource.request?.query?.map(({ name }) => name))
      unknown.push(...Object.keys(query).filter((name) => !named.has(name)))
      return () => ({ _tag: "Right", right: output })
    }
    const config = { mock: {}, validateRequest: true, validateResponse: true, checkSecurity: true, errors: false }
    const instance = prism.createInstance({ ...config, isProxy: false }, { logger: silent, mock })
    const result = await instance.request(inputOf(asked, query), operations)()
    if (result._tag === "Left") return [result.left.detail ?? result.left.message ?? "it could not be judged"]
    const { input, output: said } = result.right.validations
    return [
      ...unknown.map((name) => `Request query parameter ${name} is not in the description`),
      ...input.map(({ message }) => message),
      // Refusals are described nowhere.
      ...(answer === undefined || answer.status >= 400 ? [] : said.map(({ message }) => message)),
    ]
  }

  return {
    faults,
    values: (name) => descriptions.flatMap(({ components }) => components.schemas[name]?.enum ?? []),
  }
}

function inputOf(asked: Asked, query: Record<string, string>): object {
  const url = { path: asked.url.pathname, query }
  const body = asked.body === "" ? {} : { body: asked.body }
  return { method: asked.method.toLowerCase(), url, headers: asked.headers, ...body }
}

/** The operations in use alone, with forms that hold nothing undescribed. */
function narrowed(whole: Description): Description {
  const description = structuredClone(whole)
  for (const [path, methods] of Object.entries(description.paths)) {
    if (!PATHS.test(path)) delete description.paths[path]
    for (const operation of Object.values(methods))
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) schema.additionalProperties = false
  }
  return description
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
