/**
 * HTML text: reads the words of a mail that has no plain part. It leaves out the mail that is answered, as mail programs mark
 * it, because those are not the sender's words. It reads once from left to right, so broken markup never stops it.
 */
import { decode } from "../markdown.ts"

/** UTF-16 units. Longer HTML is cut; what a person writes is far shorter. */
const MAX_HTML = 500_000
const BREAKS = new Set(
  "address article blockquote br div dl dt dd footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre section table tr ul".split(
    " ",
  ),
)
/** Elements whose content is not the sender's words. */
const SILENT = new Set(["script", "style", "head", "title", "template", "noscript", "textarea", "select", "svg"])
const QUOTE = /\b(?:gmail_quote|yahoo_quoted|protonmail_quote|moz-cite-prefix)\b/
/** Outlook's mark: from this element on everything is the mail that is answered. */
const HISTORY = /\bid\s*=\s*["']?(?:x_)?(?:divRplyFwdMsg|appendonsend)\b/

export interface Reduced {
  text: string
  /** Whether quoted history was left out. */
  cut: boolean
}

/** The words of a mail in HTML, without quoted history. */
export function reduceHtml(html: string): Reduced {
  const source = html.slice(0, MAX_HTML)
  let text = ""
  let cut = false
  for (let at = 0; at < source.length; ) {
    const tag = tagAfter(source, at)
    text += wordsOf(source.slice(at, tag?.start))
    if (tag === null) break
    if (HISTORY.test(tag.raw)) return { text: tidy(text), cut: true }
    cut ||= isQuotation(tag)
    at = isQuotation(tag) || isSilent(tag) ? endOf(source, tag.name, tag.end) : tag.end
    text += gapOf(tag)
  }
  return { text: tidy(text), cut }
}

interface Tag {
  start: number
  /** Index after its `>`. */
  end: number
  /** The text between the brackets. */
  raw: string
  /** The element's name in lower case, without a slash. */
  name: string
  isOpening: boolean
}

function tagAfter(source: string, at: number): Tag | null {
  const brackets = /<(?=[a-z/!?])/gi
  brackets.lastIndex = at
  const start = brackets.exec(source)?.index
  if (start === undefined) return null
  const mark = source.startsWith("<!--", start) ? "-->" : ">"
  const close = source.indexOf(mark, start)
  if (close === -1) return null
  const raw = source.slice(start + 1, close)
  const name = /^\/?([a-z][a-z0-9]*)/i.exec(raw)?.[1]?.toLowerCase() ?? ""
  return { start, end: close + mark.length, raw, name, isOpening: !raw.startsWith("/") && !raw.endsWith("/") }
}

const wordsOf = (raw: string): string => decode(raw.replace(/[ \t\r\n\f]+/g, " "))

const isSilent = ({ name, isOpening }: Tag): boolean => isOpening && SILENT.has(name)

const isQuotation = ({ name, raw, isOpening }: Tag): boolean => isOpening && (name === "blockquote" || QUOTE.test(raw))

function gapOf({ name, isOpening }: Tag): string {
  if (name === "td" || name === "th") return " "
  if (!BREAKS.has(name)) return ""
  return name === "li" && isOpening ? "\n- " : "\n"
}

/** Index after the closing tag of the element that opened before `from`. Elements of the same name inside it are counted. */
function endOf(source: string, name: string, from: number): number {
  const tags = new RegExp(`<(/?)${name}(?![a-z0-9])`, "gi")
  tags.lastIndex = from
  for (let depth = 1, tag = tags.exec(source); tag !== null; tag = tags.exec(source)) {
    depth += tag[1] === "/" ? -1 : 1
    if (depth > 0) continue
    const close = source.indexOf(">", tags.lastIndex)
    return close === -1 ? source.length : close + 1
  }
  return source.length
}

function tidy(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/[ \u00a0]+/g, " ").trim())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim()
}
