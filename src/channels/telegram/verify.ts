/**
 * Telegram verifier: checks Telegram's proof of origin. The secret that we gave to `setWebhook` comes back in a header. It is
 * compared in constant time, over digests, so that the time tells neither its content nor its length.
 */
import { createHash, timingSafeEqual } from "node:crypto"

export const SECRET_HEADER = "x-telegram-bot-api-secret-token"

/** Whether `header` is the secret. With an empty secret the answer is always no. */
export function isFromTelegram(secret: string, header: string | string[] | undefined): boolean {
  if (secret === "" || typeof header !== "string") return false
  return timingSafeEqual(digest(secret), digest(header))
}

const digest = (text: string) => createHash("sha256").update(text).digest()
