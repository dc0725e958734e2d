/**
 * Telegram sender: sends a message part by part. A part is sent again as plain text only when Telegram said that it could not
 * read the markup, which proves that the first try was not delivered.
 */
import { Reject } from "../../base/errors.ts"
import type { Button, Outgoing, Receipt } from "../channel.ts"
import { sendParts } from "../parts.ts"
import type { CallTelegram } from "./api.ts"
import type { Chats } from "./chats.ts"
import type { Part } from "./render.ts"
import { renderTelegram } from "./render.ts"

/** Bytes of `callback_data` (Bot API, InlineKeyboardButton). */
const MAX_CALLBACK_BYTES = 64

export async function sendTelegram(call: CallTelegram, chats: Chats, message: Outgoing): Promise<Receipt> {
  chats.check(message.target)
  const keyboard = keyboardOf(message.buttons ?? [])
  const parts = renderTelegram(message.text)
  return await sendParts(message, parts, async (part, isLast) => {
    const common = {
      link_preview_options: { is_disabled: true },
      ...(message.silent ? { disable_notification: true } : {}),
      ...(isLast && keyboard !== null ? { reply_markup: keyboard } : {}),
    }
    const sent = await readably(part, (text, markup) =>
      chats.at(message.target, ({ chat, where }) =>
        call((api, stop) => api.sendMessage(chat, text, { ...common, ...where, ...markup }, stop), message.signal),
      ),
    )
    return String(sent.message_id)
  })
}

/** Sends a part with its markup; when Telegram says that it cannot read the markup, sends the part as plain text. */
export async function readably<T>(part: Part, send: (text: string, markup: object) => Promise<T>): Promise<T> {
  return await send(part.html, { parse_mode: "HTML" }).catch(async (error: unknown) => {
    if (!isUnreadableMarkup(error)) throw error
    return await send(part.plain, {})
  })
}

const isUnreadableMarkup = (error: unknown): boolean =>
  error instanceof Reject && /can't parse entities/i.test(error.message)

function keyboardOf(buttons: Button[]) {
  if (buttons.length === 0) return null
  for (const { reply } of buttons) {
    const bytes = Buffer.byteLength(reply)
    if (bytes < 1 || bytes > MAX_CALLBACK_BYTES) {
      throw new Reject(400, `a button's reply has ${bytes} bytes, Telegram takes 1 to ${MAX_CALLBACK_BYTES}`, {
        code: "bad_button",
      })
    }
  }
  return { inline_keyboard: [buttons.map(({ label, reply }) => ({ text: label, callback_data: reply }))] }
}
