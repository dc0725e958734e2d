/** Channels: where Vigil can be reached, whether that works, and what went through. */
import { z } from "zod"
import { instant } from "../instant.ts"

export const CHANNEL_IDS = ["web", "telegram", "sms", "email", "github"] as const

export const channelStatus = z.object({
  id: z.enum(CHANNEL_IDS),
  /** `off`: not set up; `failing`: its provider does not answer, refuses us, or does not deliver. */
  state: z.enum(["ready", "off", "failing"]),
  /** Who we are there, or what is wrong. */
  detail: z.string(),
})
export type ChannelStatus = z.output<typeof channelStatus>

const channelReport = channelStatus.extend({
  /** How messages come in; null where none do. */
  takes: z.enum(["webhook", "polling", "mailbox"]).nullable(),
  /** What is wrong at the provider although it answers. */
  findings: z.array(z.object({ severity: z.enum(["error", "warning"]), message: z.string(), fix: z.string() })),
  /** Set while it is left alone after failures in a row. */
  paused: z.object({ failures: z.number(), until: instant }).nullable(),
  lastInAt: instant.nullable(),
  lastOutAt: instant.nullable(),
  /** Messages that are still to be sent. */
  waiting: z.number(),
  /** Of the last seven days. */
  failed: z.number(),
})
export type ChannelReport = z.output<typeof channelReport>

export const channelsAnswer = z.object({ channels: z.array(channelReport) })

export const channelParams = z.object({ id: z.string().max(20) })

/** What was done at the provider, one sentence each. */
export const channelSetupAnswer = z.object({ done: z.array(z.string()) })
