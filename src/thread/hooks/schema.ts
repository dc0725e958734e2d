/**
 * Hook schema: the shape that a webhook's payload must have, as JSON Schema (draft 2020-12). A schema of which any part would
 * not be checked is refused when it is set, so that nobody relies on a rule that does nothing.
 */
import { z } from "zod"
import { messageOf, Reject } from "../../base/errors.ts"

export type JsonSchema = boolean | { [keyword: string]: unknown }

const node = z.record(z.string(), z.unknown())
/** Keywords that say by themselves what a value may be, so that no `type` is needed beside them. */
const COMPLETE = ["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "not"]
const NOTES = new Set(
  "$schema $id $defs $comment definitions title description default examples deprecated readOnly writeOnly".split(" "),
)
const NAMED = ["properties", "patternProperties", "$defs", "definitions"]
const LISTED = ["anyOf", "oneOf", "allOf", "prefixItems"]
const SINGLE = ["items", "additionalProperties", "propertyNames", "contains", "not"]
const MAX_REASONS = 10

/** Answers with what is wrong with a value, one sentence each. Throws `Reject` (422) for a schema that cannot be held. */
export function compileSchema(schema: JsonSchema): (value: unknown) => string[] {
  const ignored = unheeded(schema, "")
  if (ignored.length > 0) throw refused(ignored.join("; "))
  try {
    const shape = z.fromJSONSchema(schema)
    return (value) => {
      const issues = shape.safeParse(value).error?.issues ?? []
      return issues.slice(0, MAX_REASONS).map(({ path, message }) => `${path.join(".") || "payload"}: ${message}`)
    }
  } catch (error) {
    throw refused(messageOf(error), error)
  }
}

function refused(why: string, cause?: unknown): Reject {
  return new Reject(422, `this schema cannot be used: ${why}`, {
    code: "bad_schema",
    fix: "Give each part a type, name required properties under properties, and leave out what is not supported.",
    cause,
  })
}

/** Rules that would be passed over in silence, with where they stand. */
function unheeded(schema: unknown, at: string): string[] {
  const parsed = node.safeParse(schema)
  if (!parsed.success) return []
  const { data } = parsed
  const here = at || "the schema"
  const rules = Object.keys(data).filter((keyword) => !NOTES.has(keyword))
  const untyped =
    rules.length > 0 && !COMPLETE.some((keyword) => keyword in data) ? [`${here} has rules but no type`] : []
  const known = Object.keys(node.safeParse(data.properties).data ?? {})
  const required = z.array(z.string()).safeParse(data.required).data ?? []
  const unknown = required
    .filter((name) => !known.includes(name))
    .map((name) => `${here} requires ${name}, which has no schema`)
  const deeper = childrenOf(data).flatMap(([name, child]) => unheeded(child, `${at}/${name}`))
  return [...untyped, ...unknown, ...deeper]
}

function childrenOf(data: Record<string, unknown>): [string, unknown][] {
  const named = NAMED.flatMap((keyword) => Object.entries(node.safeParse(data[keyword]).data ?? {}))
  const listed = LISTED.flatMap((keyword) => {
    const list = data[keyword]
    return Array.isArray(list) ? list.map((child, index): [string, unknown] => [`${keyword}/${index}`, child]) : []
  })
  return [...named, ...listed, ...SINGLE.map((keyword): [string, unknown] => [keyword, data[keyword]])]
}
