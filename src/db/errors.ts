/** Away: tells the database's own trouble from what somebody asked of it. Nobody is to blame for it, and later it works. */
import { codeOf, messageOf } from "../base/errors.ts"

/** Postgres is shutting down, starting, full or unreachable: SQLSTATE, postgres.js and Node codes. */
const AWAY = new Set([
  "57P01",
  "57P02",
  "57P03",
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT",
  "EAI_AGAIN",
])

/** Whether `error` says that the database is away, or has no room: nothing that the statement asked for. */
export function isDatabaseAway(error: unknown): boolean {
  const code = codeOf(error)
  // Classes 08, 53 and 58: no connection, no resources, trouble with its files.
  return AWAY.has(code) || /^(08|53|58)[0-9A-Z]{3}$/.test(code) || /^PGlite is clos/i.test(messageOf(error))
}
