/**
 * Telegram parser: turns Telegram's updates into inbound messages. It returns `[]` for everything that is not a person who
 * talks to us: channels, other bots, service messages, and words in a group that do not address the bot.
 */
import { z } from "zod"
import { type Attachment, kindOfType, plainType } from "../attachment.ts"
import type { Inbound } from "../channel.ts"

/** Who the bot is on Telegram. The name is unknown until `getMe` was called. */
export interface BotIdentity {
  id: number
  username?: string
}

const user = z.object({ id: z.number().int(), is_bot: z.boolean().default(false) })
const chat = z.object({ id: z.number().int(), type: z.string() })
const entity = z.object({
  type: z.string(),
  offset: z.number().int(),
  length: z.number().int(),
  user: z.object({ id: z.number().int() }).optional(),
})
const anything = z.unknown().optional()
const file = z.object({
  file_id: z.string(),
  file_size: z.number().int().nonnegative().optional().catch(undefined),
  mime_type: z.string().optional().catch(undefined),
  file_name: z.string().optional().catch(undefined),
  duration: z.number().nonnegative().optional().catch(undefined),
  width: z.number().nonnegative().optional().catch(undefined),
  height: z.number().nonnegative().optional().catch(undefined),
})
type File = z.infer<typeof file>
const oneFile = file.optional().catch(undefined)

const message = z.object({
  message_id: z.number().int(),
  date: z.number().optional(),
  chat,
  from: user.optional(),
  message_thread_id: z.number().int().optional(),
  is_topic_message: z.boolean().optional(),
  text: z.string().optional(),
  caption: z.string().optional(),
  entities: z.array(entity).optional(),
  caption_entities: z.array(entity).optional(),
  reply_to_message: z
    .object({ from: z.object({ id: z.number().int() }).optional(), forum_topic_created: anything })
    .optional(),
  forward_origin: anything,
  photo: z.array(file).optional().catch(undefined),
  voice: oneFile,
  audio: oneFile,
  video: oneFile,
  video_note: oneFile,
  document: oneFile,
  sticker: anything,
  poll: anything,
  dice: anything,
  story: anything,
  location: anything,
  contact: anything,
})
type Message = z.infer<typeof message>

const update = z.object({
  update_id: z.number().int(),
  message: message.optional(),
  edited_message: message.optional(),
  callback_query: z
    .object({ id: z.string(), from: user, data: z.string().optional(), message: message.optional() })
    .optional(),
})

/** Attachments without a file. */
const NAMED = ["sticker", "poll", "dice", "story", "location", "contact"] as const satisfies (keyof Message)[]
const FILES = ["photo", "voice", "audio", "video", "video_note", "document"] as const satisfies (keyof Message)[]
/** Pixels of a picture's longer side. Telegram makes several sizes; the largest up to this one is shown to a model. */
const LONGEST_SIDE = 2048

/** Parses one update (Bot API `Update`). Never throws: something that is not an update gives no message. */
export function parseUpdate(raw: unknown, bot: BotIdentity): Inbound[] {
  const parsed = update.safeParse(raw)
  if (!parsed.success) return []
  const { update_id, message: fresh, edited_message: edited, callback_query: press } = parsed.data
  const externalId = String(update_id)
  if (press?.message !== undefined && press.data !== undefined && isTalk(press.message) && !press.from.is_bot) {
    return [
      {
        ...envelope(press.message, bot, externalId),
        address: String(press.from.id),
        text: press.data,
        pressed: press.id,
      },
    ]
  }
  const inbound = wordsOf(fresh ?? edited, bot, externalId)
  if (inbound === null || edited === undefined) return inbound === null ? [] : [inbound]
  const { ref = "", ...changed } = inbound
  return [{ ...changed, edits: ref }]
}

/** The words that a person said to us; null for a message that is from nobody, or not to us, or empty. */
function wordsOf(received: Message | undefined, bot: BotIdentity, externalId: string): Inbound | null {
  if (received?.from === undefined || received.from.is_bot || !isTalk(received)) return null
  if (received.chat.type !== "private" && !addresses(received, bot)) return null
  const text = withoutOurName(received.text ?? received.caption ?? "", bot)
  const attachments = attachmentsOf(received)
  if (text === "" && attachments.length === 0) return null
  return {
    ...envelope(received, bot, externalId),
    address: String(received.from.id),
    text,
    ref: String(received.message_id),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(received.date === undefined ? {} : { sentAt: new Date(received.date * 1000) }),
  }
}

const moving = z.object({
  message: z.object({ chat: z.object({ id: z.number().int() }), migrate_to_chat_id: z.number().int() }),
})

/** Reads the message that a group became a supergroup with another id (Bot API, `Message.migrate_to_chat_id`). */
export function readMove(raw: unknown): { from: number; to: number } | null {
  const { success, data } = moving.safeParse(raw)
  return success ? { from: data.message.chat.id, to: data.message.migrate_to_chat_id } : null
}

/** Reads a target, `<chat>` or `<chat>:<topic>`; null when it is neither. */
export function readChatTarget(target: string): { chat: number; topic?: number } | null {
  const match = /^(-?\d{1,16})(?::(\d{1,16}))?$/.exec(target)
  if (match === null) return null
  return { chat: Number(match[1]), ...(match[2] === undefined ? {} : { topic: Number(match[2]) }) }
}

function isTalk({ chat: { type } }: Message): boolean {
  return type === "private" || type === "group" || type === "supergroup"
}

function envelope(received: Message, bot: BotIdentity, externalId: string) {
  const { is_topic_message: isTopic, message_thread_id: topicId } = received
  const topic = isTopic === true && topicId !== undefined ? `:${topicId}` : ""
  const target = `${received.chat.id}${topic}`
  return {
    channel: "telegram" as const,
    source: `telegram:${bot.id}`,
    externalId,
    threadKey: `telegram:${bot.id}:${target}`,
    target,
  }
}

/**
 * Whether a message in a group addresses the bot: by a command at its beginning or with our name, by a mention, or as an
 * answer to us; never by a command with another bot's name. While our name is unknown every mention counts, because losing
 * words that are meant for us is worse than reading a few that are not.
 */
function addresses(received: Message, bot: BotIdentity): boolean {
  const text = received.text ?? received.caption ?? ""
  const ours = bot.username?.toLowerCase()
  const parts = (received.entities ?? received.caption_entities ?? []).map((part) => {
    const words = text.slice(part.offset, part.offset + part.length).toLowerCase()
    return { ...part, words, named: part.type === "bot_command" ? words.split("@")[1] : undefined }
  })
  const isOurs = (name: string) => ours === undefined || name === ours
  if (parts.some(({ offset, named }) => offset === 0 && named !== undefined && !isOurs(named))) return false
  if (isAnswerTo(received, bot)) return true
  return parts.some(({ type, words, named, offset, user: meant }) => {
    if (type === "text_mention") return meant?.id === bot.id
    if (type === "mention") return isOurs(words.slice(1))
    return type === "bot_command" && (named === undefined ? offset === 0 : isOurs(named))
  })
}

/** Whether a message answers the bot. Every message in a topic is marked as an answer to its opening; that does not count. */
function isAnswerTo({ reply_to_message: earlier }: Message, bot: BotIdentity): boolean {
  return earlier?.from?.id === bot.id && earlier.forum_topic_created === undefined
}

/** The attachments of a message, which has at most one file. An animation arrives as a document too, and is read as that. */
function attachmentsOf(received: Message): Attachment[] {
  const document = received.document
  const attachments = [
    pictureIn(received.photo ?? []),
    fileAs("voice", received.voice, "audio/ogg"),
    fileAs("audio", received.audio, "audio/mpeg"),
    fileAs("video", received.video ?? received.video_note, "video/mp4"),
    document === undefined ? null : fileAs(kindOfType(plainType(document.mime_type)), document),
    ...NAMED.filter((name) => Object.hasOwn(received, name)).map(withoutFile),
    // Files in a form that the schema does not know: they are mentioned, and never fetched.
    ...FILES.filter((name) => Object.hasOwn(received, name) && received[name] === undefined).map(withoutFile),
  ]
  const forwarded = received.forward_origin === undefined ? {} : { forwarded: true as const }
  return attachments.filter((attachment) => attachment !== null).map((attachment) => ({ ...attachment, ...forwarded }))
}

const withoutFile = (name: string): Attachment => ({ kind: "other", name: name.replace("_", " ") })

/** The picture to show. Telegram lists its sizes from small to large. */
function pictureIn(sizes: File[]): Attachment | null {
  const fitting = sizes.filter(({ width = 0, height = 0 }) => Math.max(width, height) <= LONGEST_SIDE)
  return fileAs("image", fitting.at(-1) ?? sizes[0], "image/jpeg")
}

function fileAs(kind: Attachment["kind"], given: File | undefined, usual?: string): Attachment | null {
  if (given === undefined) return null
  const { file_id: ref, file_size: size, file_name: name, duration: seconds } = given
  const type = plainType(given.mime_type) ?? usual
  return {
    kind,
    ref,
    ...(type === undefined ? {} : { type }),
    ...(size === undefined ? {} : { size }),
    ...(name === undefined ? {} : { name }),
    ...(seconds === undefined ? {} : { seconds }),
  }
}

function withoutOurName(text: string, bot: BotIdentity): string {
  if (bot.username === undefined) return text.trim()
  const name = `@${bot.username.replace(/\W/g, "")}`
  return text
    .replace(new RegExp(`^(/\\w+)${name}\\b`, "i"), "$1")
    .replace(new RegExp(`^${name}\\b[,:]?`, "i"), "")
    .trim()
}
