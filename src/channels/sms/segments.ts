/**
 * Segments: how many segments a text message costs. The count is the network's (3GPP TS 23.038). In the basic alphabet one
 * message holds 160 characters, and each of several holds 153; ten characters count double. Any other text is counted in
 * UTF-16 units, 70 and 67. A double unit (an escaped character, a surrogate pair) is never torn between two segments.
 */
const BASIC = new Set(
  "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e" +
    "\u00c6\u00e6\u00df\u00c9 !\"#\u00a4%&'()*+,-./0123456789:;<=>?\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7" +
    "\u00bfabcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0",
)
const EXTENDED = new Set("\f^{}\\[~]|\u20ac")

export interface SmsSize {
  encoding: "gsm7" | "ucs2"
  /** Septets in `gsm7`, UTF-16 units in `ucs2`. */
  units: number
  /** 0 for an empty text. */
  segments: number
}

/** Whether every character of `text` is in the basic alphabet or its extension. */
export function isGsm7(text: string): boolean {
  return [...text].every((character) => BASIC.has(character) || EXTENDED.has(character))
}

export function measure(text: string): SmsSize {
  const encoding = isGsm7(text) ? "gsm7" : "ucs2"
  const costs = [...text].map((character) => (encoding === "ucs2" ? character.length : EXTENDED.has(character) ? 2 : 1))
  const units = costs.reduce((sum, cost) => sum + cost, 0)
  const [single, each] = encoding === "gsm7" ? [160, 153] : [70, 67]
  if (units <= single) return { encoding, units, segments: units === 0 ? 0 : 1 }
  return { encoding, units, segments: packed(costs, each) }
}

function packed(costs: number[], each: number): number {
  let segments = 1
  let used = 0
  for (const cost of costs) {
    if (used + cost > each) {
      segments += 1
      used = 0
    }
    used += cost
  }
  return segments
}

export interface Line {
  text: string
  /** Left out only after every line without this mark. */
  keep?: boolean
}

export interface Fitted {
  text: string
  /** Number of lines that were left out. */
  dropped: number
}

/**
 * Fits whole lines, in their order, into a number of segments. It leaves lines out from the bottom, first those without
 * `keep`, then the others. The first line always stays, and is shortened only when it alone is too long. `more` makes a
 * closing line that says how many lines are missing.
 */
export function fitLines(lines: Line[], segments: number, more?: (dropped: number) => string): Fitted {
  const kept = [...lines]
  const shown = () => {
    const dropped = lines.length - kept.length
    const closing = more === undefined || dropped === 0 ? [] : [more(dropped)]
    return [...kept.map((line) => line.text), ...closing].join("\n")
  }
  while (measure(shown()).segments > segments && kept.length > 1) {
    const plain = kept.findLastIndex((line, index) => index > 0 && line.keep !== true)
    kept.splice(plain === -1 ? kept.length - 1 : plain, 1)
  }
  return { text: shorten(shown(), segments), dropped: lines.length - kept.length }
}

function shorten(text: string, segments: number): string {
  let characters = [...text]
  while (measure(characters.join("")).segments > segments) characters = characters.slice(0, -1)
  return characters.join("")
}
