/**
 * Signature: Vigil's own proof of origin, for senders that have none: `X-Vigil-Signature: t=<unix seconds>,v1=<hex>`, where v1
 * is HMAC-SHA256 of `<t>.<raw body>`. Refusing a missing, old or wrong signature takes as long as accepting a right one, so
 * that the time tells nothing.
 */
import { createHmac, timingSafeEqual } from "node:crypto"

export const SIGNATURE_HEADER = "x-vigil-signature"
/** How far the sender's clock may be from ours. It is also how long a captured delivery could be sent again. */
export const TOLERANCE_SECONDS = 300

const FORM = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/
const NONE = "0".repeat(64)

/** Whether `header` signs these bytes with `secret`, at `now` within the tolerance. An empty secret signs nothing. */
export function isSigned(secret: string, header: string | string[] | undefined, body: Uint8Array, now: Date): boolean {
  const [, time = "0", given = NONE] = (typeof header === "string" && FORM.exec(header)) || []
  const expected = createHmac("sha256", secret).update(`${time}.`).update(body).digest()
  const isRight = timingSafeEqual(expected, Buffer.from(given, "hex"))
  const isFresh = Math.abs(now.getTime() / 1000 - Number(time)) <= TOLERANCE_SECONDS
  return isRight && isFresh && secret !== ""
}
