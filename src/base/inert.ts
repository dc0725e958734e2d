/**
 * Inert: words of strangers, or of a model that read them, as text that does nothing wherever it is shown: no link, no
 * markup, no mention or command, nothing invisible, and no quotation mark to break out of the quotes it is put in.
 */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}]/gu
const QUOTES = /["`]/g
const MARKUP = /[*_~<>|\\[\](){}^\u00a4]/g
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S*|\b(?:mailto|tel|sms|data|javascript):\S+/gi
/** `evil.example`, `notes.md`, `10.0.0.1`: phones make links of them. */
const DOTTED = /(?<=[\p{L}\p{N}])\.(?=\p{L})|(?<=\b\d{1,3}(?:\.\d{1,3})?)\.(?=\d{1,3}\.\d{1,3}\b)/gu
/** `@name`, `#tag`, `/command`, `$stock`: chats make links of them. */
const LEADING_SIGN = /(?<![\p{L}\p{N}])[@#/$]+/gu

/** One line of at most `longest` characters; empty when nothing readable is left. */
export function inert(text: string, longest: number): string {
  const dead = oneLine(text.normalize("NFKC"))
    .replace(QUOTES, "'")
    .replace(MARKUP, " ")
    .replace(ADDRESS, " ")
    .replace(/:\/\/|@/g, " ")
    .replace(DOTTED, " ")
    .replace(LEADING_SIGN, " ")
  return clip(oneLine(dead), longest)
}

/** All that a reader sees, on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(INVISIBLE, "").trim()
}

/** Whole characters, with dots where something is left out. */
export function clip(text: string, longest: number): string {
  const signs = [...text]
  if (signs.length <= longest) return text
  const kept = signs.slice(0, longest - 3)
  return `${kept.join("").trimEnd()}...`
}
