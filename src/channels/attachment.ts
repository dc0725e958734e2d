/**
 * Attachment: what came with a person's words, as the channel tells of it. A reference never holds a credential, and a name
 * that somebody gave a file is shown with nothing in it that could pass for more than a name.
 */
import { z } from "zod"
import { clip, oneLine } from "../base/inert.ts"

export const attachment = z.object({
  /** `voice`: recorded by the sender in this chat. `file`: only its bytes tell. `other`: nothing to fetch, `name` says what. */
  kind: z.enum(["image", "voice", "audio", "video", "file", "other"]),
  /** What the channel fetches it by; absent when it cannot. */
  ref: z.string().optional(),
  /** As the sender's side names it: `image/jpeg`. */
  type: z.string().optional(),
  /** Bytes, as the sender's side says. */
  size: z.number().int().nonnegative().optional(),
  name: z.string().optional(),
  /** How long a recording plays. */
  seconds: z.number().nonnegative().optional(),
  /** Passed on: the sender did not make it. */
  forwarded: z.literal(true).optional(),
})
export type Attachment = z.infer<typeof attachment>

/** One whose bytes came with the message itself. */
export type Arrived = Attachment & { bytes?: Uint8Array }

const WORDS: Readonly<Record<Exclude<Attachment["kind"], "other">, string>> = {
  image: "image",
  voice: "voice note",
  audio: "sound file",
  video: "video",
  file: "file",
}

/** For people and models: `image, image/jpeg, 120 kB`. */
export function describe({ kind, name, type, size }: Pick<Attachment, "kind" | "name" | "type" | "size">): string {
  const shown = name === undefined ? "" : plainName(name)
  const first = kind === "other" ? shown || "something" : [WORDS[kind], shown].filter(Boolean).join(" ")
  return [first, type ?? "", size === undefined ? "" : bytesText(size)].filter(Boolean).join(", ")
}

/** The words with a note for each attachment, for whoever reads the conversation. */
export function withMentions(text: string, attachments: readonly Attachment[]): string {
  const notes = attachments.map((one) => `[${describe(one)}]`)
  return [text.trim(), ...notes].filter(Boolean).join("\n")
}

/** A MIME type without parameters, in lower case; undefined for what is none. */
export function plainType(given: string | undefined): string | undefined {
  return /^\s*([a-z]+\/[a-z0-9][a-z0-9.+-]{0,80})\s*(?:;|$)/i.exec(given ?? "")?.[1]?.toLowerCase()
}

/** What kind a MIME type says it is. */
export function kindOfType(type: string | undefined): "image" | "audio" | "video" | "file" {
  const [family] = (type ?? "").split("/")
  return family === "image" || family === "audio" || family === "video" ? family : "file"
}

const TEXT_TYPE = /^text\/|^application\/(?:json|xml|yaml|x-yaml|toml|csv|x-ndjson)$|\+(?:json|xml)$/
const TEXT_NAME = /\.(?:txt|md|markdown|csv|tsv|json|jsonl|ya?ml|toml|ini|xml|html?|log|ics|vcf|srt)$/i

/** Whether it says that it holds words. */
export function isTextFile({ type, name }: Pick<Attachment, "type" | "name">): boolean {
  return (type !== undefined && TEXT_TYPE.test(type)) || (name !== undefined && TEXT_NAME.test(name))
}

const plainName = (name: string): string => clip(oneLine(name.replace(/[^\p{L}\p{M}\p{N} ._()-]/gu, " ")), 60)

function bytesText(size: number): string {
  if (size < 1000) return `${size} bytes`
  return size < 1_000_000 ? `${Math.round(size / 1000)} kB` : `${(size / 1_000_000).toFixed(1)} MB`
}
