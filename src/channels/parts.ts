/**
 * Parts: one message sent as several, in order. A part the provider accepted is never sent again: a break in the middle
 * goes on after it when the caller stores progress, and is `Uncertain` when it does not.
 */
import { messageOf, Reject, Uncertain } from "../base/errors.ts"
import type { Outgoing, Receipt } from "./channel.ts"

/** Sends `parts` from the first that is not in `message.done`; the receipt joins all ids with `,`. */
export async function sendParts<Part>(
  message: Pick<Outgoing, "done" | "onPart">,
  parts: Part[],
  sendPart: (part: Part, isLast: boolean) => Promise<string>,
): Promise<Receipt> {
  if (parts.length === 0) throw new Reject(400, "the message has no text to send", { code: "empty_message" })
  const sent = [...(message.done ?? [])]
  for (const [index, part] of parts.entries()) {
    if (index < sent.length) continue
    const id = await sendPart(part, index === parts.length - 1).catch((error: unknown) => {
      throw broken(error, message, sent.length, parts.length)
    })
    sent.push(id)
    await message.onPart?.(id)
  }
  return { providerId: sent.join(",") }
}

function broken(error: unknown, message: Pick<Outgoing, "onPart">, sent: number, all: number): unknown {
  if (sent === 0 || message.onPart !== undefined) return error
  return new Uncertain(`${sent} of ${all} parts were sent, then: ${messageOf(error)}`, {
    code: "partly_sent",
    cause: error,
  })
}
