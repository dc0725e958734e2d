/**
 * Scrubber: takes live secrets out of text before anyone reads it, also in the encodings they travel in. One pass over the
 * text, whatever the number of secrets; text without a secret comes back as it was.
 */
import { encodingsOf } from "./encodings.ts"

/** Shorter values would hide ordinary words. Characters. */
const MIN_VALUE = 8
/** A form is looked up by its first characters; every form is longer. */
const HEAD = 4
const SLOTS = 1 << 16

export interface Scrubber {
  /** From now on `value` is shown as `[secret NAME]`. Values shorter than 8 characters are not added. */
  add(name: string, value: string): void
  scrub(text: string): string
}

/** Overlapping hits are one, so that no tail of a second secret stays. */
interface Hit {
  from: number
  to: number
  name: string
}

export function createScrubber(): Scrubber {
  const names = new Map<string, string>()
  /** Whether any form begins with characters of this hash: answers for nearly every position of a text. */
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

/** Of the `HEAD` characters at `at`. */
function hashAt(text: string, at: number): number {
  const a = text.charCodeAt(at)
  const b = text.charCodeAt(at + 1)
  const c = text.charCodeAt(at + 2)
  const d = text.charCodeAt(at + 3)
  return ((a * 0x1003f) ^ (b * 0x4a5) ^ (c * 0x1f1) ^ (d * 0x25)) & (SLOTS - 1)
}
