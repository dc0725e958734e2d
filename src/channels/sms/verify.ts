/**
 * Twilio's proof of origin: HMAC-SHA1 over our public address, path and query exactly as called, and all form fields.
 * The public address is configured, never taken from the request; during a token change the old token still counts.
 */
import { validateRequest } from "twilio/lib/webhooks/webhooks.js"

export const TWILIO_SIGNATURE_HEADER = "x-twilio-signature"

/** Form fields; a repeated key has all its values, in order. */
export type Form = Record<string, string | string[]>

/** Reads `application/x-www-form-urlencoded` without trimming or dropping anything: all of it is signed. */
export function readForm(body: string): Form {
  const form: Form = Object.create(null)
  const fields = new URLSearchParams(body)
  for (const key of new Set(fields.keys())) {
    const values = fields.getAll(key)
    form[key] = values.length === 1 ? (values[0] ?? "") : values
  }
  return form
}

/** Whether one of `tokens` signed this form for `url` (full address with query). Empty tokens sign nothing. */
export function isFromTwilio(
  tokens: string[],
  signature: string | string[] | undefined,
  url: string,
  form: Form,
): boolean {
  if (typeof signature !== "string" || signature === "") return false
  return tokens.some((token) => token !== "" && validateRequest(token, signature, url, form))
}
