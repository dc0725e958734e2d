/**
 * A received mail as an inbound message, or the reason why it is none. Acts on nothing that our own receiver does not vouch
 * for, and on nothing that a program sent: two programs that answer each other never stop.
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
  /** What our mail receiver calls itself in `Authentication-Results`; without it no sender is believed. */
  authservId?: string
}

export type IgnoredMail = "unreadable" | "no_sender" | "own" | "automatic" | "unauthenticated" | "empty"
export type Received = { inbound: Inbound } | { ignored: IgnoredMail }

/** UTF-16 units of one mail's words. */
const MAX_TEXT = 50_000
const MAX_FILES = 10

/** Reads a raw message (RFC 5322). Never throws: what is no mail is `unreadable`. */
export async function parseEmail(bytes: Uint8Array, us: Receiver): Promise<Received> {
  const { default: PostalMime, addressParser } = await import("postal-mime")
  // A mail inside a mail is someone else's words: kept as a file, so that it is never read as the sender's.
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

/** The one address in the one `From`; of two of either a mail program may show another than was checked. */
function senderOf(mail: Parsed, split: typeof addressParser): string | null {
  const [first, ...more] = mail.headers.filter((header) => header.key === "from")
  if (first === undefined || more.length > 0) return null
  const [sender, ...others] = split(first.value)
  return others.length > 0 || sender?.address === undefined ? null : readAddress(sender.address)
}

/** Sent by a program, to a list, or a bounce (RFC 3834 §2, RFC 2919, RFC 5321 §4.5.5). */
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

/** Without the marks of answers: a conversation keeps its subject, and a new subject begins a new one. */
function plainSubject(subject: string): string {
  return subject
    .replace(/^(?:\s*(?:re|aw|antw|sv|vs|rv|odp)(?:\[\d+\])?\s*:)+/i, "")
    .trim()
    .toLowerCase()
}

/** The words under the subject, which begins a conversation and is not said again in an answer. */
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

/** What can be read of it, and what was left out. */
function withNotes(said: string, isCut: boolean): string {
  const notes = [
    ...(said.length > MAX_TEXT ? ["[the message is longer; only its beginning is read here]"] : []),
    ...(isCut ? ["[text of another mail came with this message; it is not read here]"] : []),
  ]
  return [said.slice(0, MAX_TEXT).toWellFormed(), ...notes].filter((part) => part !== "").join("\n")
}

/** The files of a mail; inline pictures of a signature are none. Bytes are carried on only where something can be made of them. */
function attachmentsOf({ attachments }: Parsed): Arrived[] {
  const files = attachments.filter((file) => file.disposition !== "inline" || file.filename !== null)
  const rest = files.length - MAX_FILES
  const more: Arrived[] = rest > 0 ? [{ kind: "other", name: `${rest} more` }] : []
  return [...files.slice(0, MAX_FILES).map(arrived), ...more]
}

function arrived({ filename, mimeType, content }: Parsed["attachments"][number]): Arrived {
  const type = plainType(mimeType)
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : new Uint8Array(content)
  const told: Attachment = {
    kind: kindOfType(type),
    size: bytes.length,
    ...(type === undefined ? {} : { type }),
    ...(filename === null ? {} : { name: filename }),
  }
  const isOfUse = told.kind === "image" || told.kind === "audio" || isTextFile(told)
  return isOfUse ? { ...told, bytes } : told
}
