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
  request?: {
    query?: { name: string }[]
    body?: { contents?: { schema?: { properties?: Record<string, unknown> } }[] }
  }
}
interface Description {
  paths: Record<string, unknown>
  components: { schemas: Record<string, { enum?: string[] }> }
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
      unknown.push(...strangersIn(resource, query, asked.body))
      return () => ({ _tag: "Right", right: output })
    }
    const config = { mock: {}, validateRequest: true, validateResponse: true, checkSecurity: true, errors: false }
    const instance = prism.createInstance({ ...config, isProxy: false }, { logger: silent, mock })
    const result = await instance.request(inputOf(asked, query), operations)()
    if (result._tag === "Left") return [result.left.detail ?? result.left.message ?? "it could not be judged"]
    const { input, output: said } = result.right.validations
    return [
      ...unknown.map((name) => `Request field ${name} is not in the description`),
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

/** Prism passes over what is not described. */
function strangersIn({ request }: Operation, query: Record<string, string>, body: string): string[] {
  const asked = new Set(request?.query?.map(({ name }) => name))
  const told = request?.body?.contents?.flatMap(({ schema }) => Object.keys(schema?.properties ?? {})) ?? []
  return [
    ...Object.keys(query).filter((name) => !asked.has(name)),
    ...[...new URLSearchParams(body).keys()].filter((name) => !told.includes(name)),
  ]
}

/** The operations in use alone. */
function narrowed(whole: Description): Description {
  const description = structuredClone(whole)
  for (const path of Object.keys(description.paths)) if (!PATHS.test(path)) delete description.paths[path]
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
