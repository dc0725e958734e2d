/**
 * Telegram rate limits: how much of Telegram's limits a message takes (Bot FAQ, "My bot is hitting limits"). A chat takes about
 * one message a second, with short bursts; a group takes twenty a minute; all chats together take thirty a second. Each part
 * counts as a message.
 */
import type { Outgoing, RateLimit } from "../channel.ts"
import { readChatTarget } from "./parse.ts"
import { renderTelegram } from "./render.ts"

const ALL = { key: "all", burst: 15, everyMs: 1000 / 15 }
const CHAT = { burst: 5, everyMs: 1000 }
/** At most twenty in any minute: five at once, and fifteen after them. */
const GROUP = { burst: 5, everyMs: 4000 }

export function telegramRateLimits({
  target,
  text,
  done = [],
}: Pick<Outgoing, "target" | "text" | "done">): RateLimit[] {
  const chat = readChatTarget(target)?.chat
  const units = Math.max(1, renderTelegram(text).length - done.length)
  if (chat === undefined) return []
  // Topics of a group share its limit; ids of groups are negative.
  return [
    { ...ALL, units },
    { ...(chat < 0 ? GROUP : CHAT), key: `chat:${chat}`, units },
  ]
}
