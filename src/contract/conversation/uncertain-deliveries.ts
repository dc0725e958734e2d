/**
 * Uncertain deliveries: messages of which nobody knows whether they arrived. None is sent again before its owner says so. In
 * paths and fields they are called doubts.
 */
import { z } from "zod"
import { CHANNEL_IDS } from "../installation/channels.ts"
import { instant } from "../instant.ts"

const id = z.uuid()

const uncertainDelivery = z.object({
  id,
  threadId: id,
  channel: z.enum(CHANNEL_IDS),
  text: z.string(),
  /** Why nobody knows. */
  reason: z.string(),
  createdAt: instant,
  runId: id.nullable(),
})

/** Oldest first. */
export const uncertainAnswer = z.object({ doubts: z.array(uncertainDelivery) })

export const uncertainParams = z.object({ id })

/** `yes`: it arrived. `again`: send it once more. `no`: leave it, it is not needed any more. */
export const uncertainInput = z.object({ verdict: z.enum(["yes", "again", "no"]) })
