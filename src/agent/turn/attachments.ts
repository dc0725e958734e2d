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
import type { RunContext } from "../durable/run-context.ts"
import { type FetchAttachmentDeps, type FetchedAttachment, fetchAttachment } from "./fetch-attachment.ts"
import { type KeptRecording, transcribeRecording } from "./transcribe.ts"

export type UserMessage = Extract<Message, { role: "user" }>

/** A person's message as the inbox has it. */
export interface InboxMessage {
  /** The inbox row; absent for words that no file can have come with. */
  id?: string
  payload: unknown
}

export interface Attachments {
  perceive(context: RunContext, spoken: InboxMessage): Promise<UserMessage>
  /** Fills in pictures and texts by their hashes, for one call of a model. */
  show(messages: readonly Message[]): Promise<Message[]>
}

export interface AttachmentsDeps {
  store: MediaStore
  fetch: FetchAttachmentDeps["fetch"]
  model: Pick<Model, "sees" | "offline" | "tokens">
  transcriber?: Transcriber | undefined
}

/** Tokens of one file's text. */
const FILE_BUDGET = 4_000
/** Bytes of all pictures of one call: base64 makes them a third larger, and servers take 20 MB. */
const MOST_SHOWN = 12_000_000
const GONE = "I no longer have it"

export function createAttachments(deps: AttachmentsDeps): Attachments {
  return {
    perceive: (context, spoken) => perceive(deps, context, spoken),
    async show(messages) {
      const room = { left: MOST_SHOWN }
      const shown: Message[] = []
      for (const message of messages) shown.push(message.role === "user" ? await filled(deps, message, room) : message)
      return shown
    },
  }
}

async function perceive(
  deps: AttachmentsDeps,
  context: RunContext,
  { id, payload }: InboxMessage,
): Promise<UserMessage> {
  const { text, words = text, attachments = [] } = messagePayload.parse(payload)
  if (id === undefined || attachments.length === 0) return { role: "user", text: words }
  const { model, transcriber } = deps
  const sees = model.sees?.(context.thread.model ?? undefined) ?? false
  const able = { sees, hears: transcriber !== undefined, reads: !model.offline }
  const parts: Part[] = []
  for (const one of attachments) {
    const seen = await context.steps.note<FetchedAttachment>("media", () =>
      fetchAttachment(deps, context, one, { inboxId: id, able }),
    )
    const part = await read(deps, context, one, seen)
    if (isForeign(one, part)) context.steps.taint(UNTRUSTED_LABEL)
    parts.push(part)
  }
  const heard = joined([words.trim(), ...parts.flatMap(({ own }) => own ?? [])])
  const attached = parts.flatMap(({ beside }) => beside ?? [])
  await context.steps.retell(id, joined([heard, ...attached.map(({ what }) => `[${what}]`)]))
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
  { store, transcriber }: AttachmentsDeps,
  context: RunContext,
  one: Attachment,
  { what, unread, as, sha256: hash, type, size }: FetchedAttachment,
): Promise<Part> {
  if (unread !== undefined || hash === undefined) return { beside: { what, unread: unread ?? GONE } }
  if (as !== "audio") return { beside: { what, hash } }
  if (!transcriber) return { beside: { what, unread: GONE } }
  const sound: KeptRecording = {
    hash,
    type: type ?? "",
    size: size ?? 0,
    ...(one.seconds ? { seconds: one.seconds } : {}),
  }
  const told = await transcribeRecording({ store, transcriber }, context, sound)
  if (told.unread !== undefined) return { beside: { what, unread: told.unread } }
  const isOwn = one.kind === "voice" && one.forwarded !== true
  return isOwn ? { own: `voice note: ${told.text}` } : { beside: { what, content: told.text } }
}

async function filled(deps: AttachmentsDeps, message: UserMessage, room: { left: number }): Promise<UserMessage> {
  if (message.attached === undefined) return message
  const attached: Attached[] = []
  for (const one of message.attached)
    attached.push(one.hash === undefined ? one : await opened(deps, one, one.hash, room))
  return { ...message, attached }
}

async function opened(
  { store, model }: AttachmentsDeps,
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
