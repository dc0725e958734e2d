/** Ids: UUIDv7 (RFC 9562), so that rows sort by the time they were made. Passed in as a function where a test chooses them. */
import { createHash, randomUUIDv7 } from "node:crypto"

export type NewId = () => string

export const newId: NewId = () => randomUUIDv7()

/** The same name always gives the same UUID (version 8, custom). It is for rows that are found by name without a lookup. */
export function idOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
