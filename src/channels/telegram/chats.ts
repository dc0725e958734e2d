/**
 * Chats: the present id of each chat. A group that becomes a supergroup gets another id. No conversation is lost by that,
 * because a message to the old id goes to the new id, and the keepers of targets are told.
 */
import { Reject } from "../../base/errors.ts"
import { ChatMoved } from "./api.ts"
import { readChatTarget } from "./parse.ts"

export interface Place {
  chat: number
  /** The forum topic as the Bot API takes it; empty when the target names none. */
  where: { message_thread_id?: number }
}

export interface Chats {
  /** Throws `Reject` for a target that names no chat. */
  check(target: string): void
  /** Makes a call at the target. When Telegram says that the chat moved, makes it once more at the new id. */
  at<T>(target: string, call: (place: Place) => Promise<T>): Promise<T>
  /** Records that the chat `from` has the id `to` now. */
  moved(from: number, to: number): void
  /** Adds a listener for moves; targets of the moved chat begin with `from`. */
  onMoved(listener: (from: string, to: string) => void): void
}

export function createChats(): Chats {
  const currentIds = new Map<number, number>()
  const listeners: ((from: string, to: string) => void)[] = []

  function moved(from: number, to: number): void {
    if (from === to || currentIds.get(from) === to) return
    currentIds.set(from, to)
    for (const listener of listeners) listener(String(from), String(to))
  }

  return {
    check: (target) => void placeOf(target),
    async at(target, call) {
      const { chat, where } = placeOf(target)
      const current = currentIds.get(chat) ?? chat
      try {
        return await call({ chat: current, where })
      } catch (error) {
        if (!(error instanceof ChatMoved)) throw error
        moved(current, error.to)
        return await call({ chat: error.to, where })
      }
    },
    moved,
    onMoved: (listener) => void listeners.push(listener),
  }
}

function placeOf(target: string): Place {
  const place = readChatTarget(target)
  if (place === null) throw new Reject(400, `"${target}" is not a Telegram chat`, { code: "bad_target" })
  return { chat: place.chat, where: place.topic === undefined ? {} : { message_thread_id: place.topic } }
}
