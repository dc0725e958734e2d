/**
 * Mail renderer: writes Markdown as plain text and as simple HTML. Both say the same words, because nobody knows which of
 * them a mail program shows.
 */
import { toHtml } from "../html.ts"
import { plainText, readMarkdown, spellLinks } from "../markdown.ts"
import { subjectLine } from "./address.ts"

export interface RenderedMail {
  text: string
  html: string
  /** The first line, which becomes the subject where the conversation has none. */
  title: string
}

/** Renders a mail. Its texts are empty when there is nothing to see. */
export function renderEmail(markdown: string): RenderedMail {
  const runs = readMarkdown(markdown)
  const text = plainText(spellLinks(runs, () => true)).trim()
  const title = subjectLine(text.split("\n", 1)[0] ?? "")
  return { text, html: text === "" ? "" : page(toHtml(runs).trim()), title }
}

/** A whole page. Line breaks become tags, but not in preformatted blocks, where they count as they are. */
function page(html: string): string {
  const body = html
    .split(/(<pre>[\s\S]*?<\/pre>)/)
    .map((piece) => (piece.startsWith("<pre>") ? piece : piece.replaceAll("\n", "<br>\n")))
    .join("")
  return `<!doctype html>\n<html><body>${body}</body></html>\n`
}
