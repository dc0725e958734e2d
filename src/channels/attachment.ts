/**
 * Attachment: a file or another item that came with a person's words, as the channel describes it. A reference never holds a
 * credential. A file's name is shown with nothing in it that a reader could take for more than a name, because a stranger
 * may have chosen it.
 */
import { z } from "zod"
import { clip, oneLine } from "../base/inert.ts"

export const attachment = z.object({
  /** `voice`: the sender recorded it in this chat. `file`: only its bytes tell what it is. `other`: it has no bytes, only a `name`. */
  kind: z.enum(["image", "voice", "audio", "video", "file", "other"]),
  /** The reference by which the channel fetches the bytes; absent when it cannot fetch them. */
  ref: z.string().optional(),
  /** MIME type as the sender's side states it: `image/jpeg`. */
  type: z.string().optional(),
  /** Bytes, as the sender's side states. */
  size: z.number().int().nonnegative().optional(),
  name: z.string().optional(),
  /** Playing time of a recording. */
  seconds: z.number().nonnegative().optional(),
  /** Set when the sender forwarded the attachment and did not make it. */
  forwarded: z.literal(true).optional(),
})
export type Attachment = z.infer<typeof attachment>

/** An attachment; with `bytes` when they came with the message itself. */
export type Arrived = Attachment & { bytes?: Uint8Array }

const WORDS: Readonly<Record<Exclude<Attachment["kind"], "other">, string>> = {
  image: "image",
  voice: "voice note",
  audio: "sound file",
  video: "video",
  file: "file",
}

/** Describes an attachment to people and models: `image, image/jpeg, 120 kB`. */
export function describe({ kind, name, type, size }: Pick<Attachment, "kind" | "name" | "type" | "size">): string {
  const shown = name === undefined ? "" : plainName(name)
  const first = kind === "other" ? shown || "something" : [WORDS[kind], shown].filter(Boolean).join(" ")
  return [first, type ?? "", size === undefined ? "" : bytesText(size)].filter(Boolean).join(", ")
}

/** The text of a message with a note for each attachment, for readers of the conversation. */
export function withMentions(text: string, attachments: readonly Attachment[]): string {
  const notes = attachments.map((item) => `[${describe(item)}]`)
  return [text.trim(), ...notes].filter(Boolean).join("\n")
}

/** A MIME type without its parameters, in lower case; undefined when `given` is no MIME type. */
export function plainType(given: string | undefined): string | undefined {
  return /^\s*([a-z]+\/[a-z0-9][a-z0-9.+-]{0,80})\s*(?:;|$)/i.exec(given ?? "")?.[1]?.toLowerCase()
}

/** The kind of attachment that a MIME type names. */
export function kindOfType(type: string | undefined): "image" | "audio" | "video" | "file" {
  const [family] = (type ?? "").split("/")
  return family === "image" || family === "audio" || family === "video" ? family : "file"
}

const TEXT_TYPE = /^text\/|^application\/(?:json|xml|yaml|x-yaml|toml|csv|x-ndjson)$|\+(?:json|xml)$/
const TEXT_NAME = /\.(?:txt|md|markdown|csv|tsv|json|jsonl|ya?ml|toml|ini|xml|html?|log|ics|vcf|srt)$/i

/** Whether the type or the name of an attachment says that it holds text. */
export function isTextFile({ type, name }: Pick<Attachment, "type" | "name">): boolean {
  return (type !== undefined && TEXT_TYPE.test(type)) || (name !== undefined && TEXT_NAME.test(name))
}

const plainName = (name: string): string => clip(oneLine(name.replace(/[^\p{L}\p{M}\p{N} ._()-]/gu, " ")), 60)

function bytesText(size: number): string {
  if (size < 1000) return `${size} bytes`
  return size < 1_000_000 ? `${Math.round(size / 1000)} kB` : `${(size / 1_000_000).toFixed(1)} MB`
}
