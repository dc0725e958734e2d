/** Secrets: names of what the vault holds, who may use it and where. A value goes in and never comes out. */
import { z } from "zod"
import { instant } from "../instant.ts"

/** Bytes of a value, as UTF-8. */
export const SECRET_MAX = 65_536
const words = z.string().trim().min(1)

export const secretName = z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/, "must be capitals, digits and _")

export const secretParams = z.object({ name: secretName })

export const secretInput = z.object({
  value: z.string().min(1).max(SECRET_MAX),
  /** Hosts it may be sent to; none when left out. */
  hosts: z.array(words.max(253)).max(50).optional(),
  /** Tools that may use it; the settings alone when left out. */
  tools: z.array(words.max(64)).max(50).optional(),
})

const secretSchema = z.object({
  name: z.string(),
  /** One more with each value. */
  version: z.number(),
  hosts: z.array(z.string()),
  tools: z.array(z.string()),
  createdAt: instant,
  /** When this value was set. */
  updatedAt: instant,
  /** The last granted use; null when there was none. */
  lastUse: z.object({ at: instant, tool: z.string(), host: z.string().nullable() }).nullable(),
  /** Uses that were refused, of all time. */
  refused: z.number(),
})
export type SecretRow = z.output<typeof secretSchema>

/** By name. */
export const secretsAnswer = z.object({ secrets: z.array(secretSchema) })
