/** Channels over the API: how each one is, and the one change that is made at its provider: where it delivers. */
import { z } from "zod"
import type { Endpoints } from "./endpoint.ts"

const finding = z.object({ severity: z.enum(["error", "warning"]), message: z.string(), fix: z.string() })

export const channelReport = z.object({
  id: z.string(),
  /** `off`: not set up; `failing`: its provider does not answer, refuses us, or does not deliver. */
  state: z.enum(["ready", "off", "failing"]),
  detail: z.string(),
  /** How messages come in; null where none do. */
  takes: z.enum(["webhook", "polling", "mailbox"]).nullable(),
  /** What is wrong at the provider although it answers. */
  findings: z.array(finding),
  /** Set while it is left alone after failures in a row. */
  paused: z.object({ failures: z.number(), until: z.iso.datetime() }).nullable(),
  lastInAt: z.iso.datetime().nullable(),
  lastOutAt: z.iso.datetime().nullable(),
  waiting: z.number(),
  /** Of the last seven days. */
  failed: z.number(),
})
export type ChannelReport = z.output<typeof channelReport>

export interface ChannelAdmin {
  reports(): Promise<ChannelReport[]>
  /** Lets the provider deliver to us; says what was done. Throws `Reject` or `Misconfigured` where that cannot be. */
  setUp(id: string): Promise<string[]>
}

export function addChannelRoutes(endpoints: Endpoints, channelAdmin: ChannelAdmin): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/channels",
    summary: "Every channel: whether it works, what is wrong at its provider, what went through it",
    input: {},
    answers: { 200: z.object({ channels: z.array(channelReport) }) },
    handle: async () => ({ channels: await channelAdmin.reports() }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/channels/:id/setup",
    summary: "Let a channel's provider deliver to PUBLIC_URL",
    input: { params: z.object({ id: z.string().max(20) }) },
    answers: { 200: z.object({ done: z.array(z.string()) }) },
    handle: async ({ params: { id } }) => ({ done: await channelAdmin.setUp(id) }),
  })
}
