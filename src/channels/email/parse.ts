/**
 * Mail parser: turns a received mail into an inbound message, or into the reason why it is ignored. A mail counts only when
 * our own receiver vouches for its sender. A mail that a program sent is ignored, because two programs that answer each other
 * never stop.
 */
import type { addressParser, Email as Parsed } from "postal-mime"
import { sha256 } from "../../base/canonical.ts"
import { type Arrived, type Attachment, isTextFile, kindOfType, plainType } from "../attachment.ts"
import type { Inbound } from "../channel.ts"
import { domainOf, messageIds, readAddress, subjectLine, writeTarget } from "./address.ts"
import { type Header, isAuthenticated } from "./authentication.ts"
import { reduceHtml } from "./html-text.ts"
import { newestWords } from "./newest-words.ts"

export interface Receiver {
  /** Our address, in lower case. */
  address: string
  /** The name of our mail receiver in `Authentication-Results`. Without it no sender is believed. */
  authservId?: string
}

export type IgnoredMail = "unreadable" | "no_sender" | "own" | "automatic" | "unauthenticated" | "empty"
export type Received = { inbound: Inbound } | { ignored: IgnoredMail }

/** UTF-16 units that are read of one mail. */
const MAX_TEXT = 50_000
const MAX_FILES = 10

/** Reads a raw mail (RFC 5322). Never throws: bytes that are not a mail are `unreadable`. */
export async function parseEmail(bytes: Uint8Array, us: Receiver): Promise<Received> {
  const { default: PostalMime, addressParser } = await import("postal-mime")
  // A mail inside a mail holds another person's words. It is kept as a file, so that it is never read as the sender's.
  const options = { forceRfc822Attachments: true, maxNestingDepth: 32, maxHeadersSize: 256 * 1024 }
  const mail = await PostalMime.parse(bytes, options).catch(() => null)
  if (mail === null) return { ignored: "unreadable" }
  const from = senderOf(mail, addressParser)
  if (from === null) return { ignored: "no_sender" }
  if (from === us.address) return { ignored: "own" }
  if (isAutomatic(mail.headers)) return { ignored: "automatic" }
  if (!isAuthenticated(mail.headers, us.authservId, domainOf(from))) return { ignored: "unauthenticated" }
  const said = textOf(mail)
  const attachments = attachmentsOf(mail)
  if (said.text === "" && attachments.length === 0) return { ignored: "empty" }
  const inbound = inboundOf(mail, { us, from, said, bytes })
  return { inbound: attachments.length === 0 ? inbound : { ...inbound, attachments } }
}

/** The only address of the only `From`. With two of either, a mail program could show another one than was checked. */
function senderOf(mail: Parsed, split: typeof addressParser): string | null {
  const [first, ...more] = mail.headers.filter((header) => header.key === "from")
  if (first === undefined || more.length > 0) return null
  const [sender, ...others] = split(first.value)
  return others.length > 0 || sender?.address === undefined ? null : readAddress(sender.address)
}

/** Whether a mail was sent by a program or to a list, or is a bounce (RFC 3834 §2, RFC 2919, RFC 5321 §4.5.5). */
function isAutomatic(headers: readonly Header[]): boolean {
  const read = (key: string) =>
    headers
      .find((header) => header.key === key)
      ?.value.trim()
      .toLowerCase()
  const submitted = read("auto-submitted")
  return (
    (submitted !== undefined && !/^no\b/.test(submitted)) ||
    /^(?:bulk|list|junk|auto_reply)\b/.test(read("precedence") ?? "") ||
    ["list-id", "list-post", "list-unsubscribe", "x-autoreply", "x-autorespond"].some(
      (key) => read(key) !== undefined,
    ) ||
    read("return-path") === "<>"
  )
}

function inboundOf(
  mail: Parsed,
  { us, from, said, bytes }: { us: Receiver; from: string; said: Pick<Inbound, "text" | "alone">; bytes: Uint8Array },
): Inbound {
  const [own] = messageIds(mail.messageId)
  const answered = messageIds(`${mail.references ?? ""} ${mail.inReplyTo ?? ""}`)
  const externalId = own ?? sha256(Buffer.from(bytes).toString("latin1"))
  const subject = subjectLine(mail.subject ?? "")
  const conversation = sha256(`${answered[0] ?? externalId}\n${plainSubject(subject)}`).slice(0, 16)
  const sentAt = new Date(mail.date ?? Number.NaN)
  const references = [...answered, ...(own === undefined ? [] : [own])]
  return {
    channel: "email",
    source: `email:${us.address}`,
    externalId,
    address: from,
    threadKey: `email:${us.address}:${from}:${conversation}`,
    ...said,
    target: writeTarget({ address: from, references, ...(subject ? { subject } : {}) }),
    ...(Number.isNaN(sentAt.getTime()) ? {} : { sentAt }),
  }
}

/** The subject without "Re:" and its like. A conversation keeps its subject, and another subject begins a new conversation. */
function plainSubject(subject: string): string {
  return subject
    .replace(/^(?:\s*(?:re|aw|antw|sv|vs|rv|odp)(?:\[\d+\])?\s*:)+/i, "")
    .trim()
    .toLowerCase()
}

/** The text of a mail: its words under its subject. An answer has no subject, because it only repeats the first one. */
function textOf(mail: Parsed): Pick<Inbound, "text" | "alone"> {
  const reduced = mail.text?.trim() ? { text: mail.text, cut: false } : reduceHtml(mail.html ?? "")
  const { text: words, cut } = newestWords(reduced.text)
  const subject = subjectLine(mail.subject ?? "")
  const isReply = messageIds(`${mail.references ?? ""} ${mail.inReplyTo ?? ""}`).length > 0
  const isCut = (cut || reduced.cut) && !isReply
  if (isReply || subject === "") return { text: withNotes(words, isCut) }
  const text = words === "" ? subject : `${subject}\n\n${words}`
  return { text: withNotes(text, isCut), alone: { words, text: withNotes(words, isCut) } }
}

/** The words up to `MAX_TEXT`, with a note for each thing that was left out. */
function withNotes(said: string, isCut: boolean): string {
  const notes = [
    ...(said.length > MAX_TEXT ? ["[the message is longer; only its beginning is read here]"] : []),
    ...(isCut ? ["[text of another mail came with this message; it is not read here]"] : []),
  ]
  return [said.slice(0, MAX_TEXT).toWellFormed(), ...notes].filter((part) => part !== "").join("\n")
}

/** The files of a mail, without the inline pictures of a signature. The bytes are kept only where Vigil can read them. */
function attachmentsOf({ attachments }: Parsed): Arrived[] {
  const files = attachments.filter((file) => file.disposition !== "inline" || file.filename !== null)
  const rest = files.length - MAX_FILES
  const more: Arrived[] = rest > 0 ? [{ kind: "other", name: `${rest} more` }] : []
  return [...files.slice(0, MAX_FILES).map(arrived), ...more]
}

function arrived({ filename, mimeType, content }: Parsed["attachments"][number]): Arrived {
  const type = plainType(mimeType)
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content)
  const attachment: Attachment = {
    kind: kindOfType(type),
    size: bytes.length,
    ...(type === undefined ? {} : { type }),
    ...(filename === null ? {} : { name: filename }),
  }
  const isReadable = attachment.kind === "image" || attachment.kind === "audio" || isTextFile(attachment)
  return isReadable ? { ...attachment, bytes } : attachment
}
