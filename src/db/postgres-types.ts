/**
 * Postgres types: how values travel to Postgres and back, so that they mean what they mean on PGlite. The driver would ask for
 * the array types on every connection, and nobody would catch what that query throws; so the few that there are stand here.
 */
import { parse } from "postgres-array"

/** Type numbers, as in pg_type. */
const INT8 = 20
const JSON_TEXT = 114
const JSONB = 3802
const ARRAYS_OF_TEXT = [1009, 2951]
const ARRAYS_OF_INTEGERS = [1007, 1016]

export const TYPES = {
  bigint: { to: INT8, from: [INT8], serialize: String, parse: Number },
  // Text is JSON already; the driver would write it as a JSON string.
  json: {
    to: JSON_TEXT,
    from: [JSON_TEXT, JSONB],
    serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
    parse: JSON.parse,
  },
  texts: { to: 1009, from: ARRAYS_OF_TEXT, serialize: String, parse: (text: string) => parse(text) },
  integers: { to: 1007, from: ARRAYS_OF_INTEGERS, serialize: String, parse: (text: string) => parse(text, Number) },
}

/** A parameter as the driver takes it: an array as Postgres writes it, null for nothing. */
export function parameter(value: unknown): unknown {
  if (Array.isArray(value)) return `{${value.map(element).join(",")}}`
  return value === undefined ? null : value
}

function element(value: unknown): string {
  if (value === null || value === undefined) return "NULL"
  if (Array.isArray(value)) return String(parameter(value))
  return `"${String(value).replace(/["\\]/g, "\\$&")}"`
}
