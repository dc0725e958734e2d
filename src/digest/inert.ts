/**
 * Inert: a stranger's words as dead text. What comes out has no link, no markup, no mention or command, nothing invisible
 * and no quotation mark to break out of the quotes it is put in; every sign of it is in the cheap SMS alphabet.
 */
import { inCheapAlphabet } from "../channels/sms/render.ts"
import { isGsm7 } from "../channels/sms/segments.ts"

const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}]/gu
const QUOTES = /["`]/g
const MARKUP = /[*_~<>|\\[\](){}^\u00a4]/g
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S*|\b(?:mailto|tel|sms|data|javascript):\S+/gi
/** `evil.example`, `notes.md`, `10.0.0.1`: phones make links of them. */
const DOTTED = /(?<=[\p{L}\p{N}])\.(?=\p{L})|(?<=\b\d{1,3}(?:\.\d{1,3})?)\.(?=\d{1,3}\.\d{1,3}\b)/gu
/** `@name`, `#tag`, `/command`, `$stock`: chats make links of them. */
const LEADING_SIGN = /(?<![\p{L}\p{N}])[@#/$]+/gu

/** At most `longest` characters; empty when nothing readable is left. */
export function inert(text: string, longest = 80): string {
  const visible = text.normalize("NFKC").replace(/\s+/g, " ").replace(INVISIBLE, "")
  const dead = inSmsAlphabet(visible.replace(MARKUP, " "))
    .replace(QUOTES, "'")
    .replace(MARKUP, " ")
    .replace(ADDRESS, " ")
    .replace(/:\/\/|@/g, " ")
    .replace(DOTTED, " ")
    .replace(LEADING_SIGN, " ")
  return clip(dead.replace(/\s+/g, " ").trim(), longest)
}

/** Our own words with parts of others in them (an approval's display): visible, on one line, in the cheap alphabet. */
export function oneLine(text: string, longest: number): string {
  const visible = text.normalize("NFC").replace(/\s+/g, " ").replace(INVISIBLE, "")
  return clip(inSmsAlphabet(visible).trim(), longest)
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

function clip(text: string, longest: number): string {
  const signs = [...text]
  return signs.length <= longest
    ? text
    : `${signs
        .slice(0, longest - 3)
        .join("")
        .trimEnd()}...`
}
