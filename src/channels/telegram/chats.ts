/**
 * Chats: where a target is now. A group that becomes a supergroup gets another id: what is sent to the old one goes to the
 * new one, and whoever keeps targets is told, so that no conversation is lost by it.
 */
import { Reject } from "../../base/errors.ts"
import { ChatMoved } from "./api.ts"
import { readChatTarget } from "./parse.ts"

export interface Place {
  chat: number
  /** For the Bot API: the forum topic, where the target names one. */
  where: { message_thread_id?: number }
}

export interface Chats {
  /** Throws `Reject` for a target that names no chat. */
  check(target: string): void
  /** Asks at the target; once more where the chat is now, when Telegram says that it moved. */
  at<T>(target: string, ask: (place: Place) => Promise<T>): Promise<T>
  /** Told by Telegram that `from` is `to` now. */
  moved(from: number, to: number): void
  onMoved(hear: (from: string, to: string) => void): void
}

export function createChats(): Chats {
  const now = new Map<number, number>()
  const listeners: ((from: string, to: string) => void)[] = []

  function moved(from: number, to: number): void {
    if (from === to || now.get(from) === to) return
    now.set(from, to)
    for (const hear of listeners) hear(String(from), String(to))
  }

  return {
    check: (target) => void placeOf(target),
    async at(target, ask) {
      const { chat, where } = placeOf(target)
      const current = now.get(chat) ?? chat
      try {
        return await ask({ chat: current, where })
      } catch (error) {
        if (!(error instanceof ChatMoved)) throw error
        moved(current, error.to)
        return await ask({ chat: error.to, where })
      }
    },
    moved,
    onMoved: (hear) => void listeners.push(hear),
  }
}

function placeOf(target: string): Place {
  const to = readChatTarget(target)
  if (to === null) throw new Reject(400, `"${target}" is no Telegram chat`, { code: "bad_target" })
  return { chat: to.chat, where: to.topic === undefined ? {} : { message_thread_id: to.topic } }
}
