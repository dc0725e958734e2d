/**
 * Edit: changes and deletes sent messages. A message that is gone, or is already as wanted, is no error, because people
 * delete messages, and because the same edit is made twice after a crash.
 */
import { Reject } from "../../base/errors.ts"
import type { CallTelegram } from "./api.ts"
import type { Chats } from "./chats.ts"
import { renderTelegram } from "./render.ts"
import { readably } from "./send.ts"

/** Milliseconds. Bot API: a group takes 20 messages a minute, edits included; a private chat takes about one a second. */
const EDIT_EVERY_MS = { private: 1500, group: 3500 }

const SAME = /message is not modified/i
const GONE = /message to (edit|delete) not found|message can't be (edited|deleted)|MESSAGE_ID_INVALID/i

export function createEdits(call: CallTelegram, chats: Chats) {
  const edits = {
    /** See `Channel.edit`. Of several parts only the last is changed: the parts before it do not depend on what follows. */
    async edit(target: string, providerId: string, text: string, signal: AbortSignal): Promise<boolean> {
      const ids = providerId.split(",")
      const parts = renderTelegram(text)
      const part = parts.at(-1)
      if (part === undefined || parts.length !== ids.length)
        throw new Reject(400, `the text needs ${parts.length} messages, and ${ids.length} were sent`, {
          code: "not_editable",
        })
      const message = Number(ids.at(-1))
      const other = { link_preview_options: { is_disabled: true } }
      return await readably(part, (words, markup) =>
        chats.at(target, ({ chat }) =>
          call((api, stop) => api.editMessageText(chat, message, words, { ...other, ...markup }, stop), signal),
        ),
      ).then(() => true, isThereAfter)
    },
    /** Removes the buttons and leaves the words. */
    async removeButtons(target: string, providerId: string, signal: AbortSignal): Promise<void> {
      const message = Number(providerId.split(",").at(-1))
      await chats
        .at(target, ({ chat }) => call((api, stop) => api.editMessageReplyMarkup(chat, message, {}, stop), signal))
        .catch(isThereAfter)
    },
    async unsend(target: string, providerId: string, signal: AbortSignal): Promise<void> {
      for (const id of providerId.split(","))
        await chats
          .at(target, ({ chat }) => call((api, stop) => api.deleteMessage(chat, Number(id), stop), signal))
          .catch(isThereAfter)
    },
    /** Replaces the text of an approval and removes its buttons. Where `text` does not fit, only the buttons are removed. */
    async closeApproval(target: string, providerId: string, text: string, signal: AbortSignal): Promise<void> {
      await edits.edit(target, providerId, text, signal).catch(async (error: unknown) => {
        if (!(error instanceof Reject && error.code === "not_editable")) throw error
        await edits.removeButtons(target, providerId, signal)
      })
    },
    editEveryMs: (target: string): number => (target.startsWith("-") ? EDIT_EVERY_MS.group : EDIT_EVERY_MS.private),
  }
  return edits
}

/** Reads a refusal: true when the message is as wanted, false when it is gone. Throws every other error on. */
function isThereAfter(error: unknown): boolean {
  if (error instanceof Reject && SAME.test(error.message)) return true
  if (error instanceof Reject && GONE.test(error.message)) return false
  throw error
}
