/** SQL fragments that read the same in both drivers. */
import { type SQL, sql } from "drizzle-orm"

/** As Postgres writes them. Not drizzle's own dialect, which loads ninety modules to say the same. */
const DIALECT = {
  escapeName: (name: string) => `"${name.replaceAll('"', '""')}"`,
  escapeParam: (index: number) => `$${index + 1}`,
  escapeString: (text: string) => `'${text.replaceAll("'", "''")}'`,
}

export interface Statement {
  text: string
  values: unknown[]
}

/** Turns a template into numbered SQL; about 3 µs a statement. */
export function compile(statement: SQL): Statement {
  const { sql: text, params } = statement.toQuery(DIALECT)
  return { text, values: params }
}

/**
 * A JSON parameter. The two drivers disagree about bare strings and arrays, so it always travels as text; what jsonb
 * refuses is taken out of it: NUL is dropped, half of a character becomes the replacement character.
 */
export function json(value: unknown): SQL {
  return sql`${storableJson(JSON.stringify(value ?? null))}::text::jsonb`
}

const REFUSED = /\\u(?:0000|d[89a-f])/i
/** Each escape as a whole, so that an escaped backslash before `u0000` is none of ours. */
const ESCAPES = /\\(?:(u0000)|(ud[89a-f][0-9a-f]{2})|[\s\S])/gi

/** JSON text as `JSON.stringify` writes it, which escapes of NUL and of halves of characters alone. */
function storableJson(text: string): string {
  if (!REFUSED.test(text)) return text
  return text.replace(ESCAPES, (sequence, nul?: string, half?: string) => (nul ? "" : half ? "\ufffd" : sequence))
}

/** `column = ${anyOf(list)}`: membership in a list of any length with one statement text. */
export function anyOf(list: readonly string[], type: "text" | "uuid" | "bigint" = "text"): SQL {
  return sql`any(array(select x::${sql.raw(type)} from jsonb_array_elements_text(${JSON.stringify(list)}::text::jsonb) x))`
}
