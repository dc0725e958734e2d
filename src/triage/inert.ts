/** Inert: words of strangers, or of a model that read them, as text that does nothing wherever it is shown. */

/** Control, format (bidi, zero-width, tags), surrogate and private-use characters: nothing that a reader sees. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}]+/gu
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/\S+|\bwww\.\S+|\b(?:mailto|javascript|data):\S+/gi
/** What Markdown, HTML and chat clients make something of. */
const MARKUP = /[*_`~<>|[\]{}#@\\"]/g

/** One line of at most `max` characters without addresses, markup, mentions or invisible characters. */
export function inert(text: string, max: number): string {
  const plain = text.replace(UNSEEN, " ").replace(ADDRESS, "(link)").replace(MARKUP, " ").replaceAll(/\s+/g, " ").trim()
  if (plain.length <= max) return plain
  return `${[...plain.slice(0, max - 3)].join("").trimEnd()}...`
}
