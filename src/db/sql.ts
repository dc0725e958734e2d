/** SQL fragments that read the same in both drivers. */
import { type SQL, sql } from "drizzle-orm"
import { PgDialect } from "drizzle-orm/pg-core"

const dialect = new PgDialect()

export interface Statement {
  text: string
  values: unknown[]
}

/** Turns a template into numbered SQL; about 3 µs a statement. */
export function compile(statement: SQL): Statement {
  const { sql: text, params } = dialect.sqlToQuery(statement)
  return { text, values: params }
}

/** A JSON parameter. The two drivers disagree about bare strings and arrays, so it always travels as text. */
export function json(value: unknown): SQL {
  return sql`${JSON.stringify(value ?? null)}::text::jsonb`
}

/** `column = ${anyOf(list)}`: membership in a list of any length with one statement text. */
export function anyOf(list: readonly string[], type: "text" | "uuid" | "bigint" = "text"): SQL {
  return sql`any(array(select x::${sql.raw(type)} from jsonb_array_elements_text(${JSON.stringify(list)}::text::jsonb) x))`
}
