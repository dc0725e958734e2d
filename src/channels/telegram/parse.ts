/**
 * Telegram updates as inbound messages. Says `[]` for everything that is not a person talking to us: channels,
 * other bots, service messages, and group talk that does not address the bot.
 */
import { z } from "zod"
import { type Attachment, kindOfType, plainType } from "../attachment.ts"
import type { Inbound } from "../channel.ts"

/** Who we are on Telegram; the name is unknown until `getMe` was asked. */
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

/** What comes as no file. */
const NAMED = ["sticker", "poll", "dice", "story", "location", "contact"] as const satisfies (keyof Message)[]
const FILES = ["photo", "voice", "audio", "video", "video_note", "document"] as const satisfies (keyof Message)[]
/** Pixels of the longer side: of the sizes Telegram made, the largest up to here is shown to a model. */
const LONGEST_SIDE = 2048

/** Parses one update (Bot API `Update`). Never throws: what does not look like an update is not for us. */
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

/** What a person said to us; null for what nobody did. */
function wordsOf(said: Message | undefined, bot: BotIdentity, externalId: string): Inbound | null {
  if (said?.from === undefined || said.from.is_bot || !isTalk(said)) return null
  if (said.chat.type !== "private" && !addresses(said, bot)) return null
  const text = withoutOurName(said.text ?? said.caption ?? "", bot)
  const attachments = attachmentsOf(said)
  if (text === "" && attachments.length === 0) return null
  return {
    ...envelope(said, bot, externalId),
    address: String(said.from.id),
    text,
    ref: String(said.message_id),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(said.date === undefined ? {} : { sentAt: new Date(said.date * 1000) }),
  }
}

const moving = z.object({
  message: z.object({ chat: z.object({ id: z.number().int() }), migrate_to_chat_id: z.number().int() }),
})

/** A group that became a supergroup and has another id now (Bot API, `Message.migrate_to_chat_id`). */
export function readMove(raw: unknown): { from: number; to: number } | null {
  const { success, data } = moving.safeParse(raw)
  return success ? { from: data.message.chat.id, to: data.message.migrate_to_chat_id } : null
}

/** Chat, and topic where it is one: what `target` holds and `send` reads. */
export function readChatTarget(target: string): { chat: number; topic?: number } | null {
  const match = /^(-?\d{1,16})(?::(\d{1,16}))?$/.exec(target)
  if (match === null) return null
  return { chat: Number(match[1]), ...(match[2] === undefined ? {} : { topic: Number(match[2]) }) }
}

function isTalk(said: Message): boolean {
  return said.chat.type === "private" || said.chat.type === "group" || said.chat.type === "supergroup"
}

function envelope(said: Message, bot: BotIdentity, externalId: string) {
  const topic =
    said.is_topic_message === true && said.message_thread_id !== undefined ? `:${said.message_thread_id}` : ""
  const target = `${said.chat.id}${topic}`
  return {
    channel: "telegram" as const,
    source: `telegram:${bot.id}`,
    externalId,
    threadKey: `telegram:${bot.id}:${target}`,
    target,
  }
}

/**
 * In a group: a command at the beginning or with our name, a mention of us, or an answer to us; never a command with another
 * bot's name. While our name is unknown any mention counts: losing words meant for us is worse than reading a few that were not.
 */
function addresses(said: Message, bot: BotIdentity): boolean {
  const text = said.text ?? said.caption ?? ""
  const ours = bot.username?.toLowerCase()
  const parts = (said.entities ?? said.caption_entities ?? []).map((part) => {
    const words = text.slice(part.offset, part.offset + part.length).toLowerCase()
    return { ...part, words, named: part.type === "bot_command" ? words.split("@")[1] : undefined }
  })
  const isOurs = (name: string) => ours === undefined || name === ours
  if (parts.some(({ offset, named }) => offset === 0 && named !== undefined && !isOurs(named))) return false
  if (isAnswerTo(said, bot)) return true
  return parts.some(({ type, words, named, offset, user: meant }) => {
    if (type === "text_mention") return meant?.id === bot.id
    if (type === "mention") return isOurs(words.slice(1))
    return type === "bot_command" && (named === undefined ? offset === 0 : isOurs(named))
  })
}

/** What is said in a topic counts as an answer to its opening, also when we opened it: that alone does not address us. */
function isAnswerTo({ reply_to_message: earlier }: Message, bot: BotIdentity): boolean {
  return earlier?.from?.id === bot.id && earlier.forum_topic_created === undefined
}

/** A message has at most one file; an animation comes as a document too, and is one of the two. */
function attachmentsOf(said: Message): Attachment[] {
  const made = [
    pictureIn(said.photo ?? []),
    fileAs("voice", said.voice, "audio/ogg"),
    fileAs("audio", said.audio, "audio/mpeg"),
    fileAs("video", said.video ?? said.video_note, "video/mp4"),
    said.document === undefined ? null : fileAs(kindOfType(plainType(said.document.mime_type)), said.document),
    ...NAMED.filter((name) => Object.hasOwn(said, name)).map(nothingOf),
    // Told of in a way that we cannot read.
    ...FILES.filter((name) => Object.hasOwn(said, name) && said[name] === undefined).map(nothingOf),
  ]
  const forwarded = said.forward_origin === undefined ? {} : { forwarded: true as const }
  return made.filter((one) => one !== null).map((one) => ({ ...one, ...forwarded }))
}

const nothingOf = (name: string): Attachment => ({ kind: "other", name: name.replace("_", " ") })

/** Sizes come from small to large. */
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
