/** What comes in, once it is known to be for us: the payloads of inbox rows, by kind. */
import { z } from "zod"
import type { Label } from "../../base/label.ts"
import { attachment } from "../../channels/attachment.ts"
import type { ChannelId } from "../../channels/channel.ts"
import { type Meaning, meaningSchema, readWords } from "./meaning.ts"

/** A person's words. */
export const messagePayload = z.object({
  /** As people and later turns read it: with a note for each attachment, and with what a voice note says once it was heard. */
  text: z.string(),
  /** What the person wrote, where something came with it. */
  words: z.string().optional(),
  attachments: z.array(attachment).optional(),
  /** What the words mean, as they were read when they came in; rows of an earlier version have none. */
  meaning: meaningSchema.optional(),
  /** What a later edit calls it. */
  ref: z.string().optional(),
})

/** An instant of an automation that came due. `action` is the automation's own (schedule room). */
export const duePayload = z.object({
  automationId: z.number(),
  dueAt: z.string(),
  lateMs: z.number(),
  action: z.unknown(),
})

export type EventKind = "message" | "command" | "issue" | "due" | "hook"

export interface Event {
  /** Where it came from, and its id there: a pair seen before is a duplicate and ends here. */
  source: string
  externalId: string
  /** What a person says is a `message`; the inbox makes it a `command` when its words mean one. */
  kind: EventKind
  channel: ChannelId
  /** The lane it belongs to; made when it is new. */
  threadKey: string
  /** Where replies on this thread go. */
  target: string
  personId: string | null
  /** Said by a button that was offered, not typed. */
  isPress?: boolean
  label: Label
  payload: unknown
}

/** A message's row with its meaning. Rows from before it was kept hold a command with its slash, whatever their channel. */
export function readMessage(payload: unknown): z.output<typeof messagePayload> & { meaning: Meaning } {
  const message = messagePayload.parse(payload)
  return { ...message, meaning: message.meaning ?? readWords({ channel: "web", text: message.text }).meaning }
}
