/** What comes in, once it is known to be for us: the payloads of inbox rows, by kind. */
import { z } from "zod"
import type { Label } from "../../base/label.ts"
import { attachment } from "../../channels/attachment.ts"
import type { ChannelId } from "../../channels/channel.ts"

/** A person's words. */
export const messagePayload = z.object({
  /** As people and later turns read it: with a note for each attachment, and with what a voice note says once it was heard. */
  text: z.string(),
  /** What the person wrote, where something came with it. */
  words: z.string().optional(),
  attachments: z.array(attachment).optional(),
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

/** A slash command's name, in lower case, and what follows it; `/name@bot` is the same. Null for any other text, paths too. */
export function commandOf(text: string): { name: string; rest: string } | null {
  const [, name, rest = ""] = /^\/([a-z]\w*)(?:@\w+)?(?:\s+([\s\S]*))?$/i.exec(text.trim()) ?? []
  return name === undefined ? null : { name: name.toLowerCase(), rest }
}

/** Slash commands run in order like messages, but by code, not by the model. `/stop` also acts at once. */
export function kindOfText(text: string): "message" | "command" {
  return commandOf(text) === null ? "message" : "command"
}

export function isStop(text: string): boolean {
  return commandOf(text)?.name === "stop"
}
