/**
 * Twilio's own API descriptions as a judge of what we ask and of what our stand-in answers. It is stricter than Prism by
 * itself: a field or query parameter that no description names is a fault too.
 */
import { loadBesidePrism, noPrism, type Operation, openPrism } from "./prism.ts"
import type { Answer, ReceivedRequest } from "./stand-in.ts"

export interface TwilioOracle {
  /** What is wrong with the request, and with the answer to it where one is given; empty when nothing is. */
  faults(asked: ReceivedRequest, answer?: Answer): Promise<string[]>
  /** The values a schema of the description allows, by its name: `message_enum_status`. */
  values(schema: string): string[]
}

/** The operations in use. */
const PATHS =
  /^\/(?:2010-04-01\/Accounts\/\{(?:Account)?Sid\}(?:\.json|\/Messages.*|\/IncomingPhoneNumbers(?:\/\{Sid\})?\.json)|v1\/Services(?:\/\{Sid\}|\/\{ServiceSid\}\/PhoneNumbers)?)$/
const DESCRIPTIONS = ["twilio_api_v2010.json", "twilio_messaging_v1.json"]

interface Description {
  paths: Record<string, unknown>
  components: { schemas: Record<string, { enum?: string[] }> }
}

/** Why tests that need it are left out; undefined when it is installed. */
export const noTwilioOracle = noPrism

/** Null where it is not installed. */
export async function openTwilioOracle(): Promise<TwilioOracle | null> {
  if (noTwilioOracle !== undefined) return null
  const descriptions = DESCRIPTIONS.map((name) =>
    narrowed(loadBesidePrism(`@twilio/cli-core/src/services/twilio-api/${name}`) as Description),
  )
  const prism = await openPrism(descriptions)

  async function faults(asked: ReceivedRequest, answer?: Answer): Promise<string[]> {
    if (FILE.test(asked.url.pathname)) return await faults(describedFile(asked))
    const verdict = await prism.judge(asked, asked.body === "" ? undefined : asked.body, answer)
    if (verdict.refused !== undefined) return [verdict.refused]
    const unknown = [...verdict.strangers, ...strangeFields(verdict.operation, asked.body)]
    return [
      ...unknown.map((name) => `Request field ${name} is not in the description`),
      ...verdict.input.map(({ message }) => message),
      // Refusals are described nowhere.
      ...(answer !== undefined && answer.status < 400 ? verdict.output.map(({ message }) => message) : []),
    ]
  }

  return {
    faults,
    values: (name) => descriptions.flatMap(({ components }) => components.schemas[name]?.enum ?? []),
  }
}

/** A file has the address of its description, without the ending. */
const FILE = /\/Media\/ME\w+$/

function describedFile(asked: ReceivedRequest): ReceivedRequest {
  return { ...asked, url: new URL(`${asked.url.pathname}.json${asked.url.search}`, asked.url) }
}

function strangeFields({ request }: Operation, body: string): string[] {
  const told = request?.body?.contents?.flatMap(({ schema }) => Object.keys(schema?.properties ?? {})) ?? []
  return [...new URLSearchParams(body).keys()].filter((name) => !told.includes(name))
}

/** The operations in use alone. */
function narrowed(whole: Description): Description {
  const description = structuredClone(whole)
  for (const path of Object.keys(description.paths)) if (!PATHS.test(path)) delete description.paths[path]
  return description
}
