/** Channel admin: the state of each channel, from its provider, the breaker and Vigil's tables, and its set-up at the provider. */
import { Misconfigured, messageOf, Reject, VigilError } from "../../base/errors.ts"
import type { Channel, Finding } from "../../channels/channel.ts"
import type { Channels } from "../../channels/open.ts"
import type { ChannelReport } from "../../contract/installation/channels.ts"
import type { Status } from "../../contract/installation/status.ts"
import type { Served } from "../../contract/instant.ts"
import type { ChannelAdmin } from "../../http/api/channels.ts"
import { type Traffic, trafficOf } from "../../thread/outbox/traffic.ts"
import type { Infrastructure } from "../infrastructure.ts"

const INSPECT_MS = 10_000
const SET_UP_MS = 30_000

interface ChannelAdminDeps {
  infrastructure: Pick<Infrastructure, "db" | "clock" | "breaker" | "config">
  channels: Channels
  status: () => Promise<Status>
}

export function openChannelAdmin({ infrastructure, channels, status }: ChannelAdminDeps): ChannelAdmin {
  const { db, clock, breaker, config } = infrastructure
  const senders = new Map<string, Channel>(channels.senders)

  return {
    async reports() {
      const [{ channels: states }, traffic] = await Promise.all([status(), trafficOf(db, clock.now())])
      return Promise.all(
        states.map(async ({ id, state, detail }): Promise<Served<ChannelReport>> => {
          const pause = breaker.paused().find(({ service }) => service === id)
          return {
            id,
            state,
            detail,
            takes: state === "off" ? null : takesOf(id, channels, config.PUBLIC_URL),
            findings: state === "ready" ? await inspect(senders.get(id)) : [],
            paused: pause ? { failures: pause.failures, until: pause.until } : null,
            ...throughput(traffic.find(({ channel }) => channel === id)),
          }
        }),
      )
    },
    async setUp(id) {
      const publicUrl = config.PUBLIC_URL
      if (publicUrl === undefined)
        throw new Misconfigured("PUBLIC_URL is missing, so a provider has no address to deliver to", {
          code: "no_public_url",
          fix: "set PUBLIC_URL to the address that reaches this server from outside; without it messages are polled",
        })
      const signal = AbortSignal.timeout(SET_UP_MS)
      if (id === "telegram" && channels.telegram?.webhook) {
        await channels.telegram.setupWebhook(publicUrl, signal)
        return [`Telegram delivers to ${publicUrl}/webhooks/telegram.`]
      }
      if (id === "sms" && channels.sms) return channels.sms.setUp(publicUrl, signal)
      throw new Reject(404, `the channel ${id} has nothing to set up at its provider`, {
        code: "not_found",
        fix: "choose telegram or sms, and set their secrets first",
      })
    },
  }
}

function throughput(traffic: Traffic | undefined) {
  if (traffic === undefined) return { lastInAt: null, lastOutAt: null, waiting: 0, failed: 0 }
  const { channel: _, ...figures } = traffic
  return figures
}

/** The findings of a channel's provider. A provider that cannot be asked is a finding too. */
async function inspect(channel: Channel | undefined): Promise<Finding[]> {
  try {
    return (await channel?.inspect?.(AbortSignal.timeout(INSPECT_MS))) ?? []
  } catch (error) {
    const fix = (error instanceof VigilError ? error.fix : undefined) ?? "try again in a minute"
    return [{ severity: "warning", message: `the provider could not be asked: ${messageOf(error)}`, fix }]
  }
}

/** How messages come in on a channel; null when none do. */
function takesOf(id: string, channels: Channels, publicUrl: string | undefined): ChannelReport["takes"] {
  if (id === "web") return "mailbox"
  if (id === "email") return channels.email?.webhook ? "webhook" : null
  if (id === "github") return channels.github && publicUrl !== undefined ? "webhook" : "polling"
  const webhook = id === "telegram" ? channels.telegram?.webhook : channels.sms?.webhook
  return webhook && publicUrl !== undefined ? "webhook" : "polling"
}
