/** Format: numbers, times and values as people read them. Gives text; who puts it into a page escapes it. */
import { spanText, usdText } from "../../base/text/format.ts"

const DASH = "–"

/** US dollars; `?` when the price is not known. */
export function price(usd: number | null): string {
  return usd === null ? "?" : usdText(usd)
}

/** Milliseconds; a dash while it goes on. */
export function took(ms: number | null): string {
  return ms === null ? DASH : spanText(ms)
}

export function count(n: number | null): string {
  return n === null ? DASH : n.toLocaleString("en")
}

/** In the owner's zone. */
export function moment(at: Date, zone: string): string {
  return at.toLocaleString("en", { dateStyle: "medium", timeStyle: "medium", timeZone: zone })
}

const MAX_SHOWN = 20_000

/** A value of the journal, cut when it is huge; the API has all of it. */
export function pretty(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "")
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}\n[${text.length - MAX_SHOWN} more characters]` : text
}
