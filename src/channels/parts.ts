/**
 * Parts: sends one message as several, in order. A part that the provider accepted is never sent again. After a failure in
 * the middle, sending continues after the last accepted part when the caller stores progress (`onPart`); when it does not,
 * the failure is `Uncertain`.
 */
import { messageOf, Reject, Uncertain } from "../base/errors.ts"
import type { Outgoing, Receipt } from "./channel.ts"

/**
 * Sends the parts that are not in `message.done` yet. The receipt joins the ids of all parts with `,`. Throws `Reject` when
 * there is no part, `Uncertain` as above, else what `sendPart` throws.
 */
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
      throw failureAfter(error, message, sent.length, parts.length)
    })
    sent.push(id)
    await message.onPart?.(id)
  }
  return { providerId: sent.join(",") }
}

function failureAfter(error: unknown, message: Pick<Outgoing, "onPart">, sent: number, all: number): unknown {
  if (sent === 0 || message.onPart !== undefined) return error
  return new Uncertain(`${sent} of ${all} parts were sent, then: ${messageOf(error)}`, {
    code: "partly_sent",
    cause: error,
  })
}
