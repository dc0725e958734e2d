/** Format: numbers, times and values as people read them. Gives text; who puts it into a page escapes it. */
const DASH = "–"

/** US dollars; `?` when the price is not known. */
export function money(usd: number | null): string {
  if (usd === null) return "?"
  if (usd === 0) return "$0"
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`
}

export function spanText(ms: number | null): string {
  if (ms === null) return DASH
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
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
