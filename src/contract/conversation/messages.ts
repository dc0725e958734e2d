/**
 * Messages: what is said in a conversation and what is answered, over the web and terminal channel. Who sends a message with an
 * idempotency key may send it again: it is accepted once.
 */
import { z } from "zod"
import { instant } from "../instant.ts"

const id = z.uuid()

export const messageInput = z.object({
  text: z
    .string()
    .max(20_000)
    .refine((text) => text.trim() !== "", "is empty"),
  /** Id of a web thread, or `new`; the owner's usual one when it is left out. */
  thread: z.union([id, z.literal("new")]).optional(),
})

/** The header `Idempotency-Key`. */
export const idempotencyKey = z.string().trim().min(1).max(200).optional()

/** The message is accepted; nothing is said to it yet. */
export const acceptedAnswer = z.object({ thread: id, id })

/** The message is accepted and its run is over. */
export const repliedAnswer = acceptedAnswer.extend({
  /** Null when it took no run, or none goes on because of it. */
  run: id.nullable(),
  /** Null when the run ended without words. */
  reply: z.string().nullable(),
})

export type RepliedMessage = z.output<typeof repliedAnswer>

/** Whichever of the two came. */
export const messageAnswer = z.union([repliedAnswer, acceptedAnswer])
export type MessageAnswer = z.output<typeof messageAnswer>

/** One message of a conversation, whoever wrote it. */
export const messageSchema = z.object({
  id,
  from: z.enum(["person", "vigil"]),
  text: z.string(),
  at: instant,
  /** A person's: `new`, `claimed`, `done`, `dead`. Vigil's: `pending`, `sending`, `sent`, `delivered`, `uncertain`, `failed`. */
  state: z.string(),
  runId: id.nullable(),
  /** What a person may press instead of typing `reply`. */
  buttons: z.array(z.object({ label: z.string(), reply: z.string() })),
})
export type ConversationMessage = z.output<typeof messageSchema>

export const threadParams = z.object({ id })

export const messagesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  /** Only what is older than this moment. */
  before: z.iso
    .datetime({ offset: true })
    .transform((at) => new Date(at))
    .optional(),
})

export const messagesAnswer = z.object({
  /** Oldest first. */
  messages: z.array(messageSchema),
  /** Number of the last reply; the thread's events go on after it. */
  cursor: z.number(),
})
