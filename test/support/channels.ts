/** A channel that keeps what it was given to send and does with it what a test says. */
import type { Channel, ChannelId, Lookup, Outgoing, Receipt } from "../../src/channels/channel.ts"

export interface Outlet extends Channel {
  /** Texts handed over, in order, whatever became of them. */
  sent: string[]
  /** What the next sends do, one each; afterwards they are accepted. */
  next: ((message: Outgoing) => Promise<Receipt>)[]
}

export function outlet(
  id: ChannelId = "telegram",
  lookup?: (asked: Lookup) => Promise<Receipt | "absent" | null>,
): Outlet {
  const channel: Outlet = {
    id,
    capabilities: { maxText: 1000, buttons: true, typing: false },
    sent: [],
    next: [],
    async send(message) {
      channel.sent.push(message.text)
      const act = channel.next.shift()
      return act ? act(message) : { providerId: `p${channel.sent.length}` }
    },
    ...(lookup ? { lookup } : {}),
    probe: async () => "a test",
  }
  return channel
}
