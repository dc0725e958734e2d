/**
 * SMS renderer: writes Markdown as plain words, in the cheap GSM alphabet where that loses nothing. A link becomes
 * "label (address)". Text in other writing systems stays as it is, because no word may be lost.
 */
import { plainText, readMarkdown, spellLinks } from "../markdown.ts"
import { isGsm7 } from "./segments.ts"

/** Characters in one message (Twilio error 21617 above it). */
export const MAX_SMS_BODY = 1600

/** Typographic signs, each with its spelling in the basic alphabet. */
const PLAIN: [RegExp, string][] = [
  [/[\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`]/g, "'"],
  [/[\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb]/g, '"'],
  [/[\u2010-\u2015\u2212]/g, "-"],
  [/\u2026/g, "..."],
  [/[\u00a0\u2000-\u200a\u202f\u205f\u3000\t]/g, " "],
  [/[\u2022\u2023\u2043\u25aa\u25cf\u25e6\u00b7]/g, "-"],
  [/[\u2190\u21d0]/g, "<-"],
  [/[\u2192\u21d2\u27a1]\ufe0f?/g, "->"],
  [/\u2264/g, "<="],
  [/\u2265/g, ">="],
  [/\u2260/g, "!="],
  [/\u2248/g, "~"],
  [/\u00d7/g, "x"],
  [/\u00a9/g, "(c)"],
  [/\u00ae/g, "(r)"],
  [/\u2122/g, "(tm)"],
  [/[\u2705\u2713\u2714\u2611]\ufe0f?/g, "[ok]"],
  [/[\u274c\u2717\u2718\u2716]\ufe0f?/g, "[no]"],
  [/\u26a0\ufe0f?/g, "(!)"],
  [/([0-9#*])\ufe0f?\u20e3/g, "$1"],
  [/\u00ad|\u200b|\u2060|\ufeff|\ufe0f/g, ""],
]

const EMOJI = /\p{RGI_Emoji}|\p{Extended_Pictographic}/gv

/** Renders the whole body, of any length; `splitBody` cuts it into messages. */
export function renderSms(markdown: string): string {
  const text = plainText(spellLinks(readMarkdown(markdown), () => true))
  return tidy(inCheapAlphabet(text))
}

/** Spells typographic signs in the basic alphabet, and leaves emoji out where the rest then fits the basic alphabet. */
export function inCheapAlphabet(text: string): string {
  const spelled = PLAIN.reduce((done, [sign, plain]) => done.replace(sign, plain), text)
  if (isGsm7(spelled)) return spelled
  const withoutEmoji = spelled.replace(EMOJI, "").replace(/[\u200d]/g, "")
  return withoutEmoji.trim() !== "" && isGsm7(withoutEmoji) ? withoutEmoji : spelled
}

/** Removes blank lines and wide gaps, which cost money and say nothing. The indentation of a line stays. */
function tidy(text: string): string {
  return text
    .replace(/(\S) {2,}/g, "$1 ")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{2,}/g, "\n")
    .trim()
}

/** Cuts a body after a line, else after a word, else between characters. The parts together say all that the body says. */
export function splitBody(body: string): string[] {
  const parts: string[] = []
  let rest = body
  while (rest.length > MAX_SMS_BODY) {
    const at = cutAt(rest)
    parts.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...parts, rest].map((part) => part.trim()).filter((part) => part !== "")
}

function cutAt(text: string): number {
  for (const mark of ["\n", " "]) {
    const at = text.lastIndexOf(mark, MAX_SMS_BODY - 1)
    if (at > MAX_SMS_BODY * 0.4) return at + 1
  }
  const splitsPair =
    /[\ud800-\udbff]/.test(text.charAt(MAX_SMS_BODY - 1)) && /[\udc00-\udfff]/.test(text.charAt(MAX_SMS_BODY))
  return splitsPair ? MAX_SMS_BODY - 1 : MAX_SMS_BODY
}
