/**
 * Inert text: the words of a stranger, or of a model that read them, made harmless wherever they are shown. The result has no
 * link, markup, mention, command or invisible character, and no quotation mark that could end the quotes around it.
 */
const INVISIBLE = /[\p{C}\p{Default_Ignorable_Code_Point}]/gu
const QUOTES = /["`]/g
const MARKUP = /[*_~<>|\\[\](){}^\u00a4]/g
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S*|\b(?:mailto|tel|sms|data|javascript):\S+/gi
/** The dots in `evil.example`, `notes.md` and `10.0.0.1`, of which phones make links. */
const DOTTED = /(?<=[\p{L}\p{N}])\.(?=\p{L})|(?<=\b\d{1,3}(?:\.\d{1,3})?)\.(?=\d{1,3}\.\d{1,3}\b)/gu
/** The signs before `@name`, `#tag`, `/command` and `$stock`, of which chats make links. */
const LEADING_SIGN = /(?<![\p{L}\p{N}])[@#/$]+/gu

/** Makes one inert line of at most `longest` characters. Empty when nothing readable is left. */
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

/** The text on one line, without invisible characters. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(INVISIBLE, "").trim()
}

/** At most `longest` characters, never half of one; three dots at the end when something was cut. */
export function clip(text: string, longest: number): string {
  const characters = [...text]
  if (characters.length <= longest) return text
  const kept = characters.slice(0, longest - 3)
  return `${kept.join("").trimEnd()}...`
}
