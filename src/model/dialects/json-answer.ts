/** JSON answers: a request that wants one JSON value of a schema, for servers that can enforce it and for those that cannot. */

import { z } from "zod"

interface Wanted {
  name: string
  schema: Record<string, unknown>
}

/** The sentence that asks for the value where the server does not enforce the schema. */
export function schemaInstruction(wanted: Wanted): string {
  return `Answer with exactly one JSON value and nothing else. It must match this JSON Schema (${wanted.name}):\n${JSON.stringify(wanted.schema)}`
}

/** The value without the code fence that models like to put around it. */
export function bareJson(text: string): string {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/i.exec(text)
  return (fenced?.[1] ?? text).trim()
}

/**
 * Whether OpenAI's strict mode takes this schema: every object closed and every one of its properties required.
 * Source: OpenAI, Structured Outputs, "Supported schemas".
 */
export function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict)
  if (typeof schema !== "object" || schema === null) return true
  return isClosed(schema) && Object.values(schema).every(isStrict)
}

const object = z.looseObject({
  type: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).catch({}),
  required: z.array(z.unknown()).catch([]),
  additionalProperties: z.unknown().optional(),
})
const NOT_STRICT = ["oneOf", "allOf", "not", "if", "patternProperties", "dependentRequired"]

function isClosed(node: object): boolean {
  if (NOT_STRICT.some((keyword) => keyword in node)) return false
  const { type, properties, required, additionalProperties } = object.parse(node)
  if (type !== "object") return true
  const named = new Set<unknown>(required)
  return additionalProperties === false && Object.keys(properties).every((key) => named.has(key))
}
