/**
 * Sends to Telegram, part by part. A part is repeated as plain text only when Telegram said it could not read the
 * markup, which proves the first try was not delivered.
 */
import { Reject } from "../../base/errors.ts"
import type { Button, Outgoing, Receipt } from "../channel.ts"
import { sendParts } from "../parts.ts"
import type { CallTelegram } from "./api.ts"
import { readTarget } from "./parse.ts"
import type { Part } from "./render.ts"
import { renderTelegram } from "./render.ts"

/** Bytes of `callback_data` (Bot API, InlineKeyboardButton). */
const MAX_CALLBACK_BYTES = 64

export async function sendTelegram(call: CallTelegram, message: Outgoing): Promise<Receipt> {
  const to = addressee(message.target)
  const keyboard = keyboardOf(message.buttons ?? [])
  const parts = renderTelegram(message.text)
  return await sendParts(message, parts, async (part, isLast) => {
    const other = {
      ...(to.topic === undefined ? {} : { message_thread_id: to.topic }),
      link_preview_options: { is_disabled: true },
      ...(isLast && keyboard !== null ? { reply_markup: keyboard } : {}),
    }
    return await sendPart(call, to.chat, part, other, message.signal)
  })
}

/** The chat a target names; throws `Reject` when it names none. */
export function addressee(target: string): { chat: number; topic?: number } {
  const to = readTarget(target)
  if (to === null) throw new Reject(400, `"${target}" is no Telegram chat`, { code: "bad_target" })
  return to
}

async function sendPart(
  call: CallTelegram,
  chat: number,
  part: Part,
  other: object,
  signal: AbortSignal,
): Promise<string> {
  const send = async (text: string, markup: object) =>
    await call((api, stop) => api.sendMessage(chat, text, { ...other, ...markup }, stop), signal)
  const sent = await send(part.html, { parse_mode: "HTML" }).catch(async (error: unknown) => {
    if (!isUnreadableMarkup(error)) throw error
    return await send(part.plain, {})
  })
  return String(sent.message_id)
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
