/**
 * WhatsApp: Twilio's messages under addresses of their own, `whatsapp:+15551234567`. Text is not paid by the segment there,
 * so no sign is replaced by a cheaper one. WhatsApp's few marks (bold, italic, strike, code) are used.
 */
import { type Run, readMarkdown, type Style, spellLinks } from "../markdown.ts"

const PREFIX = "whatsapp:"

export const isWhatsApp = (address: string): boolean => address.startsWith(PREFIX)

/** Our address on WhatsApp: from its own number, else from the SMS number; null when there is neither. */
export function whatsappSender(us: { number?: string; whatsappNumber?: string }): string | null {
  const number = us.whatsappNumber ?? us.number
  return number === undefined ? null : PREFIX + number
}

/** The mark of each style, outermost first. Source: WhatsApp Help Center, "How to format your messages". */
const MARKS: [keyof Style, string][] = [
  ["bold", "*"],
  ["italic", "_"],
  ["strike", "~"],
  ["code", "`"],
]

/** Renders the body of a message, of any length. */
export function renderWhatsApp(markdown: string): string {
  const runs = spellLinks(readMarkdown(markdown), () => true)
  return runs
    .map((run, index) => marked(run, runs[index - 1]?.style ?? {}, runs[index + 1]?.style ?? {}))
    .join("")
    .trim()
}

/** The text of a run with its marks: a mark opens where its style begins and closes where its style ends. */
function marked({ text, style }: Run, before: Style, after: Style): string {
  if (style.pre !== undefined) return `\`\`\`${text}\`\`\``
  const opening = MARKS.filter(([name]) => style[name] && !before[name]).map(([, mark]) => mark)
  const closing = MARKS.filter(([name]) => style[name] && !after[name]).map(([, mark]) => mark)
  return opening.join("") + text + closing.reverse().join("")
}
