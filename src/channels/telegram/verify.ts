/**
 * Telegram's proof of origin: the secret token given to `setWebhook` comes back in a header.
 * Compared in constant time over digests, so neither content nor length leaks.
 */
import { createHash, timingSafeEqual } from "node:crypto"

export const SECRET_HEADER = "x-telegram-bot-api-secret-token"

/** Whether `header` is the secret. An empty secret verifies nothing. */
export function isFromTelegram(secret: string, header: string | string[] | undefined): boolean {
  if (secret === "" || typeof header !== "string") return false
  return timingSafeEqual(digest(secret), digest(header))
}

const digest = (text: string) => createHash("sha256").update(text).digest()
