/**
 * Addresses: who a mail is from, and where an answer goes. An answer's target is a `mailto:` address (RFC 6068) that carries
 * the subject and the ids which make mail programs show it in its conversation. Nothing here lets a second header in.
 */
import { clip, oneLine } from "../../base/inert.ts"

export interface Target {
  address: string
  /** Of the mail that is answered. */
  subject?: string
  /** Message ids with their brackets, oldest first; the last one is answered. */
  references: string[]
}

/** `local@domain` without comments, quotes or display name; what else RFC 5321 allows is not needed to reach people. */
const ADDRESS = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/
const MESSAGE_ID = /<[^<>\s]{1,250}>/g
const MAX_SUBJECT = 200
/** Ids kept of a long conversation: its first, which names it, and the latest. */
const MAX_REFERENCES = 12

/** In lower case; null when it is no address. */
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

/** One line, for a header. */
export const subjectLine = (text: string): string => clip(oneLine(text), MAX_SUBJECT)

export function writeTarget({ address, subject, references }: Target): string {
  const fields = [
    ...(subject ? [`subject=${encodeURIComponent(subject)}`] : []),
    ...(references.length > 0 ? [`references=${encodeURIComponent(references.join(" "))}`] : []),
  ]
  return `mailto:${encodeURIComponent(address)}${fields.length > 0 ? `?${fields.join("&")}` : ""}`
}

/** Reads a `mailto:` target or a bare address; null when it names nobody. */
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
