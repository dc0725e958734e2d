/**
 * Twilio verifier: checks Twilio's proof of origin, HMAC-SHA1 over our public address, path and query exactly as they were
 * called, and all form fields. The public address comes from the settings and never from the request, because a caller
 * could choose it. During a change of tokens the old token still counts.
 */
import { validateRequest } from "twilio/lib/webhooks/webhooks.js"

export const TWILIO_SIGNATURE_HEADER = "x-twilio-signature"

/** Form fields. A repeated key has all its values, in order. */
export type Form = Record<string, string | string[]>

/** Reads `application/x-www-form-urlencoded`. Nothing is trimmed or dropped, because all of it is signed. */
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
