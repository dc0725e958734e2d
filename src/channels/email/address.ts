/**
 * Mail addresses: reads the sender of a mail, and reads and writes the target of an answer. A target is a `mailto:` address
 * (RFC 6068) with the subject and the message ids by which mail programs show the answer in its conversation. No value can
 * bring a second header into a mail, because every value is one line.
 */
import { clip, oneLine } from "../../base/inert.ts"

export interface Target {
  address: string
  /** The subject of the mail that is answered. */
  subject?: string
  /** Message ids with their brackets, oldest first. The last one is the mail that is answered. */
  references: string[]
}

/** `local@domain` without comments, quotes or a display name. RFC 5321 allows more, which is not needed to reach people. */
const ADDRESS = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/
const MESSAGE_ID = /<[^<>\s]{1,250}>/g
const MAX_SUBJECT = 200
/** Ids that are kept of a long conversation: the first, which names the conversation, and the latest. */
const MAX_REFERENCES = 12

/** The address in lower case; null when `text` is not a mail address. */
export function readAddress(text: string): string | null {
  const address = text.trim().toLowerCase()
  return address.length <= 254 && ADDRESS.test(address) ? address : null
}

export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1)

/** The ids in a `Message-ID`, `In-Reply-To` or `References` header, in order. */
export function messageIds(header: string | undefined): string[] {
  const ids = [...new Set((header ?? "").slice(0, 16_384).match(MESSAGE_ID))]
  return ids.length <= MAX_REFERENCES ? ids : [...ids.slice(0, 1), ...ids.slice(1 - MAX_REFERENCES)]
}

/** A subject as one line, fit for a header. */
export const subjectLine = (text: string): string => clip(oneLine(text), MAX_SUBJECT)

/** Writes a target as a `mailto:` address, which `readMailTarget` reads. */
export function writeTarget({ address, subject, references }: Target): string {
  const fields = [
    ...(subject ? [`subject=${encodeURIComponent(subject)}`] : []),
    ...(references.length > 0 ? [`references=${encodeURIComponent(references.join(" "))}`] : []),
  ]
  return `mailto:${encodeURIComponent(address)}${fields.length > 0 ? `?${fields.join("&")}` : ""}`
}

/** Reads a `mailto:` target or a bare address; null when it holds no mail address. */
export function readMailTarget(target: string): Target | null {
  const [to = "", query = ""] = /^mailto:([^?]*)\??(.*)$/s.exec(target)?.slice(1) ?? [encodeURIComponent(target)]
  const address = readAddress(decoded(to))
  if (address === null) return null
  const fields = new URLSearchParams(query)
  const subject = subjectLine(fields.get("subject") ?? "")
  return { address, references: messageIds(fields.get("references") ?? ""), ...(subject ? { subject } : {}) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ""
  }
}
