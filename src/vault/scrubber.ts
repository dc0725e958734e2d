/**
 * Scrubber: takes secret values out of text before anyone reads it, also in their encoded forms. No part of a secret stays
 * in the text, and text without a secret comes back unchanged. It reads the text once, however many secrets there are,
 * because it stands in front of every log line.
 */
import { encodingsOf } from "./encodings.ts"

/** Characters. A shorter value is not scrubbed, because it could be an ordinary word. */
const MIN_VALUE = 8
/** Characters by which a form is looked up. Every form is longer. */
const HEAD = 4
const SLOTS = 1 << 16

export interface Scrubber {
  /** From now on `value` is shown as `[secret NAME]`. Values shorter than 8 characters are not added. */
  add(name: string, value: string): void
  scrub(text: string): string
}

/** A place in the text to replace. Overlapping places are joined, so that no tail of a second secret stays. */
interface Hit {
  from: number
  to: number
  name: string
}

export function createScrubber(): Scrubber {
  const names = new Map<string, string>()
  /** 1 where some form begins with characters of this hash. Nearly every position of a text is decided here, at once. */
  const starts = new Uint8Array(SLOTS)
  const byHead = new Map<string, string[]>()

  function longestAt(text: string, at: number): string | undefined {
    if (starts[hashAt(text, at)] === 0) return undefined
    return byHead.get(text.slice(at, at + HEAD))?.find((form) => text.startsWith(form, at))
  }

  function hitsIn(text: string): Hit[] {
    const hits: Hit[] = []
    for (let at = 0; at <= text.length - HEAD; at++) {
      const form = longestAt(text, at)
      if (form === undefined) continue
      const last = hits.at(-1)
      if (last && at < last.to) last.to = Math.max(last.to, at + form.length)
      else hits.push({ from: at, to: at + form.length, name: names.get(form) ?? "" })
    }
    return hits
  }

  return {
    add(name, value) {
      if (value.length < MIN_VALUE) return
      for (const form of encodingsOf(value)) {
        if (names.has(form)) continue
        names.set(form, name)
        starts[hashAt(form, 0)] = 1
        const head = form.slice(0, HEAD)
        byHead.set(
          head,
          [...(byHead.get(head) ?? []), form].sort((a, b) => b.length - a.length),
        )
      }
    },
    scrub(text) {
      let out = ""
      let copied = 0
      for (const { from, to, name } of hitsIn(text)) {
        out += `${text.slice(copied, from)}[secret ${name}]`
        copied = to
      }
      return copied === 0 ? text : out + text.slice(copied)
    },
  }
}

/** Hash of the `HEAD` characters that begin at `at`. */
function hashAt(text: string, at: number): number {
  const a = text.charCodeAt(at)
  const b = text.charCodeAt(at + 1)
  const c = text.charCodeAt(at + 2)
  const d = text.charCodeAt(at + 3)
  return ((a * 0x1003f) ^ (b * 0x4a5) ^ (c * 0x1f1) ^ (d * 0x25)) & (SLOTS - 1)
}
