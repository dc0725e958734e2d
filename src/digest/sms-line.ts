/** SMS line: text for a digest, every sign of it in the cheap SMS alphabet, so that no title doubles the price of a message. */
import { clip, inert, oneLine } from "../base/inert.ts"
import { inCheapAlphabet } from "../channels/sms/render.ts"
import { isGsm7 } from "../channels/sms/segments.ts"

/** A stranger's words, dead; at most `longest` characters, empty when nothing readable is left. */
export function strangerLine(text: string, longest = 80): string {
  // Twice: what is a sign of its own before, the cheap alphabet may spell with a live one.
  return inert(inSmsAlphabet(inert(text, Number.POSITIVE_INFINITY)), longest)
}

/** Our own words with parts of others in them (an approval's display). */
export function ownLine(text: string, longest: number): string {
  return clip(inSmsAlphabet(oneLine(text.normalize("NFC"))).trim(), longest)
}

/** Accents are dropped where the alphabet lacks them, other signs become `?`; mostly `?` says nothing and is empty. */
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
