/** Figures: times, money and durations as the terminal shows them. What is not known is shown as `-`, never as 0. */

/** `2026-11-22 09:05` in the zone of this machine; the text itself when it is no date. */
export function when(iso: string | null | undefined): string {
  if (!iso) return "-"
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const two = (n: number) => String(n).padStart(2, "0")
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** @param usd dollars; null when a call had no known price */
export function dollars(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return "-"
  if (usd === 0) return "$0"
  return usd < 0.01 ? `$${usd.toFixed(6)}` : `$${usd.toFixed(2)}`
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "-"
  if (ms < 1_000) return `${Math.round(ms)} ms`
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

export function score(value: number | null | undefined): string {
  return value === null || value === undefined ? "-" : value.toFixed(2)
}
