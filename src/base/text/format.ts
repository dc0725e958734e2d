/**
 * Format: money and spans of time as people read them, the same in the terminal and on the page. What stands for a figure that is
 * not known is each place's own.
 */

/** US dollars: `$0`, `$0.0012` below a cent, else `$1.25`. */
export function usdText(usd: number): string {
  if (usd === 0) return "$0"
  if (usd >= 0.01) return `$${usd.toFixed(2)}`
  return usd.toLocaleString("en", { style: "currency", currency: "USD", maximumSignificantDigits: 2 })
}

/** Milliseconds: `640 ms`, `2.4 s`, `3 min 5 s`. */
export function spanText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
