/** Channels over the API: how each one is, and the one change that is made at its provider: where it delivers. */
import {
  type ChannelReport,
  channelParams,
  channelSetupAnswer,
  channelsAnswer,
} from "../../contract/installation/channels.ts"
import type { Served } from "../../contract/instant.ts"
import type { Endpoints } from "./endpoint.ts"

export interface ChannelAdmin {
  reports(): Promise<Served<ChannelReport>[]>
  /** Lets the provider deliver to us; says what was done. Throws `Reject` or `Misconfigured` where that cannot be. */
  setUp(id: string): Promise<string[]>
}

export function addChannelRoutes(endpoints: Endpoints, channelAdmin: ChannelAdmin): void {
  endpoints.add({
    method: "GET",
    path: "/api/v1/channels",
    summary: "Every channel: whether it works, what is wrong at its provider, what went through it",
    input: {},
    answers: { 200: channelsAnswer },
    handle: async () => ({ status: 200, body: { channels: await channelAdmin.reports() } }),
  })
  endpoints.add({
    method: "POST",
    path: "/api/v1/channels/:id/setup",
    summary: "Let a channel's provider deliver to PUBLIC_URL",
    input: { params: channelParams },
    answers: { 200: channelSetupAnswer },
    handle: async ({ params: { id } }) => ({ status: 200, body: { done: await channelAdmin.setUp(id) } }),
  })
}
