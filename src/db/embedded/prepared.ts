/**
 * Prepared: statements on PGlite are planned once and executed by name, their values bound beside them, in one message a
 * statement. Its `query` plans each time, which for our statements (several writes in one) takes nine times as long as
 * running them; `execute` as SQL has each value read once more as an expression.
 */
import { protocol, type Results, types } from "@electric-sql/pglite"
import { Reject } from "../../base/errors.ts"
import { columnsOf, type RowColumn, rowsOf } from "./rows.ts"

/** PGlite itself, or its open transaction: both run on the one session that holds the prepared statements. */
export interface WireSession {
  query<T>(text: string, values?: unknown[]): Promise<Results<T>>
  /** What the database answers to messages of the wire protocol. */
  say(message: Uint8Array): Promise<Buffer>
}

export interface Prepared {
  run(session: WireSession, text: string, values: unknown[]): Promise<Record<string, unknown>[]>
}

/** A statement that the database knows by name. */
interface Plan {
  name: string
  /** Of its rows; the answer to an execution does not say them again. */
  columns: RowColumn[]
}

/** What Parse takes and is worth keeping; anything else runs as it is. */
const PREPARABLE = /^\s*(with|select|insert|update|delete|values)\b/i
/** Statement texts kept; far more than the product has, so a text that changes from call to call is a mistake that stays cheap. */
const MOST = 500

const { serialize } = protocol
const EXECUTE = Buffer.concat([serialize.execute({}), serialize.sync()])

export interface PreparedOptions {
  /** Of column types, by their oid. */
  parsers?: Record<number | string, types.Parser>
  /** Gets what was notified and came with an answer. */
  hear?: (channel: string, payload: string) => void
}

export function createPrepared({ parsers = types.parsers, hear = () => {} }: PreparedOptions = {}): Prepared {
  const plans = new Map<string, Plan>()
  let made = 0

  async function prepare(session: WireSession, text: string): Promise<Plan> {
    const known = plans.get(text)
    if (known) return known
    const name = `vigil_${++made}`
    const asked = [serialize.parse({ name, text }), serialize.describe({ type: "S", name }), serialize.sync()]
    const described = await session.say(Buffer.concat(asked))
    rowsOf(described, [], hear)
    const plan = { name, columns: columnsOf(described, parsers) }
    plans.set(text, plan)
    const [oldest] = plans
    if (plans.size > MOST && oldest) {
      plans.delete(oldest[0])
      await session.say(Buffer.concat([serialize.close({ type: "S", name: oldest[1].name }), serialize.sync()]))
    }
    return plan
  }

  return {
    async run(session, text, values) {
      if (!PREPARABLE.test(text)) return (await session.query<Record<string, unknown>>(text, values)).rows
      const { name, columns } = await prepare(session, text)
      const bound = serialize.bind({ statement: name, values: values.map(parameter) })
      return rowsOf(await session.say(Buffer.concat([bound, EXECUTE])), columns, hear)
    },
  }
}

/** As text, which the database reads as the parameter's type; bytes as they are. */
function parameter(value: unknown): string | Uint8Array | null {
  if (value === null || value === undefined) return null
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return value
  if (typeof value === "object")
    throw new Reject(500, "a statement got an object: wrap it in json()", { code: "bad_parameter" })
  const text = String(value)
  if (text.includes("\0"))
    throw new Reject(400, "text holds a NUL character, which Postgres cannot store", { code: "22021" })
  return text
}
