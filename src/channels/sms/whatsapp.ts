/**
 * WhatsApp over Twilio: the same messages under addresses of their own, `whatsapp:+15551234567`. Its text is not paid by
 * the segment, so nothing is spelled cheaper here; its few marks (bold, italic, struck, code) are used.
 */
import { type Run, readMarkdown, type Style, spellLinks } from "../markdown.ts"

const PREFIX = "whatsapp:"

export const isWhatsApp = (address: string): boolean => address.startsWith(PREFIX)

/** Who we are there: a number of its own, else the one that texts; null when there is neither. */
export function whatsappSender(us: { number?: string; whatsappNumber?: string }): string | null {
  const number = us.whatsappNumber ?? us.number
  return number === undefined ? null : PREFIX + number
}

/** Outermost first. Source: WhatsApp Help Center, "How to format your messages". */
const MARKS: [keyof Style, string][] = [
  ["bold", "*"],
  ["italic", "_"],
  ["strike", "~"],
  ["code", "`"],
]

/** The body of one message, of any length. */
export function renderWhatsApp(markdown: string): string {
  const runs = spellLinks(readMarkdown(markdown), () => true)
  return runs
    .map((run, index) => marked(run, runs[index - 1]?.style ?? {}, runs[index + 1]?.style ?? {}))
    .join("")
    .trim()
}

/** A mark opens where its style begins, and closes where it ends. */
function marked({ text, style }: Run, before: Style, after: Style): string {
  if (style.pre !== undefined) return `\`\`\`${text}\`\`\``
  const opening = MARKS.filter(([name]) => style[name] && !before[name]).map(([, mark]) => mark)
  const closing = MARKS.filter(([name]) => style[name] && !after[name]).map(([, mark]) => mark)
  return opening.join("") + text + closing.reverse().join("")
}
