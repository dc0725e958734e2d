/**
 * SMS line: text for a digest, every character in the cheap SMS alphabet (GSM-7), so that no title doubles the price of a
 * message.
 */
import { clip, inert, oneLine } from "../base/inert.ts"
import { inCheapAlphabet } from "../channels/sms/render.ts"
import { isGsm7 } from "../channels/sms/segments.ts"

/**
 * A stranger's words, made inert (no link, mention or command works in them); at most `longest` characters, and empty
 * when nothing readable is left.
 */
export function strangerLine(text: string, longest = 80): string {
  // Made inert twice, because the cheap alphabet can spell a harmless character with an active one.
  return inert(inSmsAlphabet(inert(text, Number.POSITIVE_INFINITY)), longest)
}

/**
 * Vigil's own words with parts of a stranger's in them, such as the display of an approval; at most `longest` characters.
 */
export function ownLine(text: string, longest: number): string {
  return clip(inSmsAlphabet(oneLine(text.normalize("NFC"))).trim(), longest)
}

/**
 * The text in the cheap alphabet: a letter loses an accent that the alphabet lacks, and any other character becomes `?`.
 * A text that would be mostly `?` says nothing and becomes empty.
 */
function inSmsAlphabet(text: string): string {
  const spelled = inCheapAlphabet(text)
  if (isGsm7(spelled)) return spelled
  const signs = [...spelled].map((sign) => (isGsm7(sign) ? sign : withoutAccent(sign)))
  const lost = signs.filter((sign, index) => sign === "?" && spelled[index] !== "?").length
  return lost * 2 > signs.length ? "" : signs.join("")
}

function withoutAccent(sign: string): string {
  const bare = sign.normalize("NFD").replace(/\p{M}/gu, "")
  return bare !== "" && isGsm7(bare) ? bare : "?"
}
