/** Status: what is running and how: version, model, channels, database. */
import { z } from "zod"
import { channelStatus } from "./channels.ts"

export const statusAnswer = z.object({
  /** Of Vigil. */
  version: z.string(),
  model: z.object({
    provider: z.string(),
    model: z.string(),
    /** No model is reached: the grammar of commands answers. */
    offline: z.boolean(),
    /** Why this model. */
    because: z.string(),
  }),
  channels: z.array(channelStatus),
  database: z.object({ kind: z.enum(["postgres", "pglite"]) }),
  /** IANA names; `zone` is null until the owner said it, and `hostZone` stands in for it. */
  owner: z.object({ zone: z.string().nullable(), hostZone: z.string() }),
  /** Resident memory of this process, in megabytes. */
  memoryMb: z.number(),
})
export type Status = z.output<typeof statusAnswer>
