/**
 * JSON answers: how a request gets one JSON value of a schema, from servers that can enforce a schema and from servers
 * that cannot.
 */

import { z } from "zod"

interface Wanted {
  name: string
  schema: Record<string, unknown>
}

/** The sentence in the prompt that stands in for a schema which the server does not enforce. */
export function schemaInstruction(wanted: Wanted): string {
  return `Answer with exactly one JSON value and nothing else. It must match this JSON Schema (${wanted.name}):\n${JSON.stringify(wanted.schema)}`
}

/** The answer without the code fence that models often put around JSON. */
export function bareJson(text: string): string {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n?\s*```\s*$/i.exec(text)
  return (fenced?.[1] ?? text).trim()
}

/**
 * Whether OpenAI's strict mode takes this schema: every object must be closed, and every property must be required.
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
