/**
 * Instant: how a moment travels. In JSON it is text, ISO 8601 in UTC; on the server it is a `Date`. Every schema of the contract
 * describes the JSON, and `Served` gives the server's side of the same schema: a date field takes a `Date` and nothing else.
 */
import { z } from "zod"

/** `2026-12-01T08:00:00.000Z`. */
export const instant = z.iso.datetime().brand("instant")
type Instant = z.output<typeof instant>

/** `T` before it is written as JSON: each instant in it is a `Date`, all else stays. */
export type Served<T> = T extends Instant
  ? Date
  : T extends readonly (infer Item)[]
    ? readonly Served<Item>[]
    : T extends object
      ? { [Field in keyof T]: Served<T[Field]> }
      : T
