/**
 * Prepared: statements on PGlite are planned once and executed by name. Its `query` plans each time, which for our
 * statements (several writes in one) takes nine times as long as running them.
 */
import type { Results } from "@electric-sql/pglite"
import { Reject } from "../base/errors.ts"

/** PGlite itself, or its open transaction: both run on the one session that holds the prepared statements. */
export interface Session {
  exec(text: string): Promise<Results[]>
  query<T>(text: string, values?: unknown[]): Promise<Results<T>>
}

export interface Prepared {
  run(session: Session, text: string, values: unknown[]): Promise<Record<string, unknown>[]>
}

/** What PREPARE takes; anything else runs as it is. */
const PREPARABLE = /^\s*(with|select|insert|update|delete|values)\b/i
/** Statement texts kept; far more than the product has, so a text that changes from call to call is a mistake that stays cheap. */
const MOST = 500

export function createPrepared(): Prepared {
  const names = new Map<string, string>()
  let made = 0

  async function prepare(session: Session, text: string): Promise<string> {
    const known = names.get(text)
    if (known) return known
    const name = `vigil_${++made}`
    await session.exec(`prepare ${name} as ${text}`)
    names.set(text, name)
    const [oldest] = names
    if (names.size > MOST && oldest) {
      names.delete(oldest[0])
      await session.exec(`deallocate ${oldest[1]}`)
    }
    return name
  }

  return {
    async run(session, text, values) {
      if (!PREPARABLE.test(text)) return (await session.query<Record<string, unknown>>(text, values)).rows
      const name = await prepare(session, text)
      const list = values.length > 0 ? `(${values.map(literal).join(", ")})` : ""
      const [result] = await session.exec(`execute ${name}${list}`)
      return result?.rows ?? []
    },
  }
}

/** An untyped SQL literal, coerced to the parameter's type; quotes are doubled, which is all that standard strings need. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "null"
  if (value instanceof Date) return `'${value.toISOString()}'`
  if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString("hex")}'`
  if (typeof value === "object")
    throw new Reject(500, "a statement got an object: wrap it in json()", { code: "bad_parameter" })
  const text = String(value)
  if (text.includes("\0"))
    throw new Reject(400, "text holds a NUL character, which Postgres cannot store", { code: "22021" })
  return `'${text.replaceAll("'", "''")}'`
}
