/**
 * Perceive: what came with a person's words, looked at, listened to and put beside them. Each thing has a numbered step, so a
 * crash neither loses it nor pays for it twice. A voice note recorded in the chat is the sender's own words; all else that
 * a file says is nobody's order, and makes the run untrusted.
 */
import { UNTRUSTED_LABEL } from "../../base/label.ts"
import type { Attachment } from "../../channels/attachment.ts"
import type { Attached } from "../../model/attached.ts"
import type { Message, Model, Transcriber } from "../../model/model.ts"
import { messagePayload } from "../../thread/inbox/event.ts"
import type { MediaStore } from "../../thread/inbox/media.ts"
import type { Job } from "../durable/run-context.ts"
import { type LookDeps, look, type Seen } from "./fetch-attachment.ts"
import { hear, type Sound } from "./transcribe.ts"

export type Heard = Extract<Message, { role: "user" }>

/** A person's message as the inbox has it. */
export interface Spoken {
  /** The inbox row; absent for words that no file can have come with. */
  id?: string
  payload: unknown
}

export interface Perception {
  perceive(job: Job, spoken: Spoken): Promise<Heard>
  /** Fills in pictures and texts by their hashes, for one call of a model. */
  show(messages: readonly Message[]): Promise<Message[]>
}

export interface PerceptionDeps {
  store: MediaStore
  fetch: LookDeps["fetch"]
  model: Pick<Model, "sees" | "offline" | "tokens">
  transcriber?: Transcriber | undefined
}

/** Tokens of one file's text. */
const FILE_BUDGET = 4_000
/** Bytes of all pictures of one call: base64 makes them a third larger, and servers take 20 MB. */
const MOST_SHOWN = 12_000_000
const GONE = "I no longer have it"

export function createPerception(deps: PerceptionDeps): Perception {
  return {
    perceive: (job, spoken) => perceive(deps, job, spoken),
    async show(messages) {
      const room = { left: MOST_SHOWN }
      const shown: Message[] = []
      for (const message of messages) shown.push(message.role === "user" ? await filled(deps, message, room) : message)
      return shown
    },
  }
}

async function perceive(deps: PerceptionDeps, job: Job, { id, payload }: Spoken): Promise<Heard> {
  const { text, words = text, attachments = [] } = messagePayload.parse(payload)
  if (id === undefined || attachments.length === 0) return { role: "user", text: words }
  const { model, transcriber } = deps
  const sees = model.sees?.(job.thread.model ?? undefined) ?? false
  const able = { sees, hears: transcriber !== undefined, reads: !model.offline }
  const parts: Part[] = []
  for (const one of attachments) {
    const seen = await job.steps.note<Seen>("media", () => look(deps, job, one, { inboxId: id, able }))
    const part = await read(deps, job, one, seen)
    if (isForeign(one, part)) job.steps.taint(UNTRUSTED_LABEL)
    parts.push(part)
  }
  const heard = joined([words.trim(), ...parts.flatMap(({ own }) => own ?? [])])
  const attached = parts.flatMap(({ beside }) => beside ?? [])
  await job.steps.retell(id, joined([heard, ...attached.map(({ what }) => `[${what}]`)]))
  return { role: "user", text: heard, attached }
}

const joined = (lines: string[]): string => lines.filter(Boolean).join("\n")

/** Whether the model gets to see what somebody else may have written; a name, too, was given by whoever made the file. */
function isForeign({ name }: Attachment, { beside }: Part): boolean {
  return beside !== undefined && (beside.hash ?? beside.content ?? name) !== undefined
}

/** `own`: the sender's words. `beside`: what is named beside them. */
interface Part {
  own?: string
  beside?: Attached
}

async function read(
  { store, transcriber }: PerceptionDeps,
  job: Job,
  one: Attachment,
  { what, unread, as, sha256: hash, type, size }: Seen,
): Promise<Part> {
  if (unread !== undefined || hash === undefined) return { beside: { what, unread: unread ?? GONE } }
  if (as !== "audio") return { beside: { what, hash } }
  if (!transcriber) return { beside: { what, unread: GONE } }
  const sound: Sound = { hash, type: type ?? "", size: size ?? 0, ...(one.seconds ? { seconds: one.seconds } : {}) }
  const told = await hear({ store, transcriber }, job, sound)
  if (told.unread !== undefined) return { beside: { what, unread: told.unread } }
  const isOwn = one.kind === "voice" && one.forwarded !== true
  return isOwn ? { own: `voice note: ${told.text}` } : { beside: { what, content: told.text } }
}

async function filled(deps: PerceptionDeps, message: Heard, room: { left: number }): Promise<Heard> {
  if (message.attached === undefined) return message
  const attached: Attached[] = []
  for (const one of message.attached)
    attached.push(one.hash === undefined ? one : await opened(deps, one, one.hash, room))
  return { ...message, attached }
}

async function opened(
  { store, model }: PerceptionDeps,
  { hash: _, ...one }: Attached,
  hash: string,
  room: { left: number },
): Promise<Attached> {
  const kept = await store.load(hash)
  if (kept === null) return { ...one, unread: GONE }
  const bytes = Buffer.from(kept.bytes)
  if (!kept.type.startsWith("image/"))
    return { ...one, content: cut(bytes.toString("utf8"), (text) => model.tokens(text)) }
  room.left -= bytes.length
  if (room.left < 0) return { ...one, unread: "I can't see so many images at once" }
  return { ...one, image: { type: kept.type, data: bytes.toString("base64") } }
}

/** The beginning that fits, and how much of it that is. */
function cut(text: string, tokens: (text: string) => number): string {
  const all = tokens(text)
  if (all <= FILE_BUDGET) return text
  const kept = text.slice(0, Math.floor((text.length * FILE_BUDGET) / all)).toWellFormed()
  return `${kept}\n(cut here: ${kept.length} of ${text.length} characters)`
}
