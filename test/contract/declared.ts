/**
 * Declared: what OpenAPI says of the API's answers, as checks. An answer fits when each of its fields is declared and right; a
 * field that nobody declared is a mistake, like one that is missing.
 */
import { z } from "zod"

const content = z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) }))
const operation = z.looseObject({ responses: z.record(z.string(), z.looseObject({ content: content.optional() })) })
const openApi = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operation)),
  components: z.looseObject({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
})

export type Schema = Record<string, unknown>

/** The schema of each body that an operation may answer with, by `get /api/v1/runs 200`; null where it has none. */
export function bodiesOf(document: unknown): Map<string, Schema | null> {
  const bodies = new Map<string, Schema | null>()
  for (const [path, methods] of Object.entries(openApi.parse(document).paths))
    for (const [method, { responses }] of Object.entries(methods))
      for (const [status, { content: types = {} }] of Object.entries(responses))
        if (status !== "default") bodies.set(`${method} ${path} ${status}`, Object.values(types)[0]?.schema ?? null)
  return bodies
}

export function problemOf(document: unknown): Schema {
  return openApi.parse(document).components.schemas.Error ?? {}
}

/** What is wrong with a body, one line each; empty when it fits. */
export function misfits(schema: Schema, body: unknown): string[] {
  const { error } = z.fromJSONSchema(schema).safeParse(body)
  return error ? z.prettifyError(error).split("\n") : []
}

const node = z.looseObject({
  properties: z.record(z.string(), z.unknown()).default({}),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).default([]),
  oneOf: z.array(z.unknown()).default([]),
})

/** Every field that a schema declares, as `runs[].endedAt`. */
export function fieldsOf(schema: unknown, at = ""): string[] {
  const { properties, items, anyOf, oneOf } = node.parse(schema)
  const own = Object.entries(properties).flatMap(([name, inner]) => {
    const path = at === "" ? name : `${at}.${name}`
    return [path, ...fieldsOf(inner, path)]
  })
  const deeper = items === undefined ? [] : fieldsOf(items, `${at}[]`)
  return [...new Set([...own, ...deeper, ...[...anyOf, ...oneOf].flatMap((option) => fieldsOf(option, at))])]
}

/** Every field of a body that holds something. */
export function filledIn(body: unknown, at = ""): string[] {
  if (Array.isArray(body)) return body.flatMap((item) => filledIn(item, `${at}[]`))
  if (typeof body !== "object" || body === null) return []
  return Object.entries(body).flatMap(([name, value]) => {
    const path = at === "" ? name : `${at}.${name}`
    return value === null ? [] : [path, ...filledIn(value, path)]
  })
}
