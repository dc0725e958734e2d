/** Figures: times, money and durations as the terminal shows them. What is not known is shown as `-`, never as 0. */
import { spanText, usdText } from "../../base/text/format.ts"

/** `2026-11-22 09:05` in the zone of this machine; the text itself when it is no date. */
export function when(iso: string | null | undefined): string {
  if (!iso) return "-"
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  const two = (n: number) => String(n).padStart(2, "0")
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** @param usd US dollars; null when a call had no known price */
export function dollars(usd: number | null): string {
  return usd === null ? "-" : usdText(usd)
}

/** @param ms null while it goes on */
export function duration(ms: number | null): string {
  return ms === null ? "-" : spanText(ms)
}
