/**
 * Newest words: finds what the sender of a mail wrote now. It leaves out quoted and forwarded mail and the signature, because
 * words of other people must never pass for the sender's.
 */
import type { Reduced } from "./html-text.ts"

/** "-- " on a line of its own (RFC 3676 §4.3). */
const SIGNATURE = /^--\s*$/
const FOOTER = /^(?:Sent from my |Sent from Outlook|Get Outlook for |Sent with Proton Mail)/i
/** Lines with which mail programs begin a forwarded or an answered mail. */
const HISTORY =
  /^\s*(?:-{2,}\s*(?:original message|original-nachricht|urspr\u00fcngliche nachricht|forwarded message|weitergeleitete nachricht|message d'origine|mensaje original|messaggio originale)\s*-{2,}|begin forwarded message:|_{20,})\s*$/i
/** `From:` in a few languages. It begins a quoted mail only when the next line is one of `HEADER_NEXT`. */
const HEADER_FROM = /^\s*\*?(?:from|von|de|da|van|fr\u00e5n|fra):\*?\s\S/i
const HEADER_NEXT =
  /^\s*\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoy\u00e9|objet|enviado|para|asunto|inviato|verzonden|aan):/i
/** The last line of an attribution, which names the author of the answered mail: "wrote:", "schrieb Ana:". */
const WROTE =
  /(?:^|\s)(?:wrote|writes|schrieb|\u00e9crit|escribi\u00f3|scritto|escreveu|schreef|skrev|pisze|napsal|\u043f\u0438\u0448\u0435\u0442)(?:\s[^:]{0,80})?\s?:$/i
/** A date, a time or an address: an attribution holds one of them. */
const ABOUT_MAIL = /@|\d{1,2}[:.]\d{2}|\d{4}/
const ADDRESS = /[<[(]\S{1,254}@\S{1,254}[>\])]/
/** The most lines into which mail programs break an attribution. */
const ATTRIBUTION_LINES = 3
/** Characters. No mail program writes a longer attribution line. */
const LONGEST_LINE = 500

/** The text without quoted and forwarded mail, signature and footer. It is empty when there is nothing else. */
export function newestWords(text: string): Reduced {
  const all = text.replace(/\r\n?/g, "\n").split("\n")
  const end = all.findIndex((line, index) => SIGNATURE.test(line) || startsHistory(line, nextLine(all, index)))
  const lines = end === -1 ? all : all.slice(0, end)
  const kept: string[] = []
  let cut = end !== -1 && !SIGNATURE.test(all[end] ?? "")
  for (const [index, line] of lines.entries()) {
    if (isQuoted(line)) {
      if (!isQuoted(lines[index - 1] ?? "")) dropAttribution(kept)
      cut = true
      continue
    }
    kept.push(line)
    if (!endsAttribution(kept, nextLine(lines, index))) continue
    dropAttribution(kept)
    return { text: tidy(kept), cut: true }
  }
  return { text: tidy(kept), cut }
}

const isQuoted = (line: string): boolean => /^\s?>/.test(line)

const nextLine = (lines: string[], index: number): string =>
  lines.slice(index + 1, index + 4).find((line) => line.trim() !== "") ?? ""

function startsHistory(line: string, next: string): boolean {
  return HISTORY.test(line) || (HEADER_FROM.test(line) && HEADER_NEXT.test(next))
}

/**
 * Whether `kept` ends with an attribution, such as "On Mon, 3 May 2027 at 09:12, Ana <ana@example.com> wrote:", and the answered
 * mail follows unmarked or not at all. A person's own sentence about somebody who wrote something is not an attribution: it
 * names no address in brackets, and other words follow it.
 */
function endsAttribution(kept: string[], next: string): boolean {
  const last = kept.at(-1) ?? ""
  if (isQuoted(next) || last.length > LONGEST_LINE || !WROTE.test(last.trim())) return false
  const lines = lastLines(kept)
    .join(" ")
    .slice(-ATTRIBUTION_LINES * LONGEST_LINE)
  return ADDRESS.test(lines) || (next === "" && ABOUT_MAIL.test(lines))
}

/** The last lines of `kept`, back to an empty line. */
function lastLines(kept: string[]): string[] {
  const last = kept.slice(-ATTRIBUTION_LINES)
  return last.slice(last.findLastIndex((line) => line.trim() === "") + 1)
}

/** Removes the attribution of a quoted mail from the end of `kept`. */
function dropAttribution(kept: string[]): void {
  while (kept.at(-1)?.trim() === "") kept.pop()
  const last = kept.at(-1)?.trim() ?? ""
  const lines = lastLines(kept)
  if (!last.endsWith(":") || lines.some((line) => line.length > LONGEST_LINE)) return
  if (!WROTE.test(last) && !lines.some((line) => ADDRESS.test(line))) return
  const first = lines.findIndex((line) => ABOUT_MAIL.test(line))
  if (first !== -1) kept.length -= lines.length - first
}

function tidy(kept: string[]): string {
  const lines = kept.map((line) => line.trimEnd())
  while (lines.length > 0 && (lines.at(-1) === "" || FOOTER.test(lines.at(-1) ?? ""))) lines.pop()
  return lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim()
}
