/**
 * A Telegram on loopback: telegram-test-api behind a front that adds what it lacks and we depend on: offsets and long
 * polls, the secret header and one repeated webhook delivery, the limits of messages and buttons, and the other methods.
 */
import type { Readable } from "node:stream"
import { TelegramServer } from "telegram-test-api/lib/telegramServer.js"
import { freePort } from "./free-port.ts"
import type { Answer, ReceivedRequest, StandIn } from "./stand-in.ts"
import { startStandIn } from "./stand-in.ts"
import { readTelegramHtml } from "./telegram-html.ts"

export interface SentMessage {
  messageId: number
  chat: number
  topic?: number
  /** What a person reads. */
  text: string
  /** As it was sent. */
  raw: string
  isHtml: boolean
  buttons: { label: string; data: string }[]
  /** Milliseconds since the epoch. */
  at: number
  /** Sent without a notice. */
  silent: boolean
  /** Taken back. */
  deleted: boolean
  /** How often its words were changed. */
  edits: number
}

export interface TelegramStandIn extends StandIn {
  /** Settings of a product that talks to it. */
  env: Record<string, string>
  token: string
  /** Accepted messages, in order; edits change them. */
  sent: SentMessage[]
  /** Methods called, in order. */
  methods(): string[]
  webhook(): { url: string; secret: string } | null
  /** A person writes; answers with the status of the webhook, or null when it waits to be polled. */
  say(said: {
    from: number
    text: string
    chat?: number
    type?: "private" | "group" | "supergroup"
    more?: object
    deliverTo?: string
  }): Promise<number | null>
  /** A person presses a button of a sent message. */
  press(pressed: {
    from: number
    data: string
    messageId: number
    chat?: number
    deliverTo?: string
  }): Promise<number | null>
  /** Gives an update as it is, for shapes the two above cannot make. */
  push(update: object): void
  /** A person's message of any shape, without its id and date; answers like `say`. */
  give(given: { from: number; message: object; deliverTo?: string }): Promise<number | null>
  /** Files by id, as they are downloaded; `size` is what Telegram says of it, `path` where it is. */
  files: Map<string, { bytes: Uint8Array | Readable; size?: number; path?: string }>
  /** A group becomes a supergroup: what goes to the old id is refused with the new one. */
  migrate(from: number, to: number): void
  /** What Telegram says of its deliveries besides the address and the count. */
  deliveries: { url?: string; pending_update_count?: number; last_error_date?: number; last_error_message?: string }
  /** The menus set, by chat; `default` is everyone's. */
  menus: Map<string, string[]>
}

type Params = Record<string, unknown>

export async function start(options: { token?: string; username?: string } = {}): Promise<TelegramStandIn> {
  const token = options.token ?? "666:test-token"
  const username = options.username ?? "TestNameBot"
  const backend = new TelegramServer({ port: await freePort(), host: "127.0.0.1", storeTimeout: 3600 })
  await backend.start()
  const sent: SentMessage[] = []
  const pending: { update_id: number }[] = []
  const waiting = new Set<() => void>()
  const files: TelegramStandIn["files"] = new Map()
  let given = 500_000
  let webhook: { url: string; secret: string } | null = null
  const moved = new Map<number, number>()
  const deliveries: TelegramStandIn["deliveries"] = {}
  const menus = new Map<string, string[]>()

  async function forward(method: string, params: Params): Promise<unknown> {
    const url = `${backend.config.apiURL}/bot${token}/${method}`
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify(params),
      headers: { "content-type": "application/json" },
    })
    return ((await response.json()) as { result: unknown }).result
  }

  async function collect(): Promise<void> {
    pending.push(...((await forward("getUpdates", {})) as { update_id: number }[]))
    for (const wake of waiting) wake()
  }

  async function getUpdates(params: Params): Promise<Answer> {
    if (webhook !== null) return refusal(409, "Conflict: can't use getUpdates method while webhook is active")
    const offset = Number(params.offset ?? 0)
    pending.splice(0, pending.length, ...pending.filter((update) => update.update_id >= offset))
    if (pending.length === 0) await wakeOrTimeout(Number(params.timeout ?? 0) * 1000)
    return ok(pending.filter((update) => update.update_id >= offset).slice(0, Number(params.limit ?? 100)))
  }

  async function wakeOrTimeout(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      waiting.add(done)
    })
  }

  async function sendMessage(params: Params): Promise<Answer> {
    const checked = check(params)
    if (typeof checked === "string") return refusal(400, `Bad Request: ${checked}`)
    const made = (await forward("sendMessage", params)) as { message_id: number }
    const topic = params.message_thread_id
    const message = {
      ...checked,
      messageId: made.message_id,
      at: Date.now(),
      silent: params.disable_notification === true,
      deleted: false,
      edits: 0,
      ...(topic === undefined ? {} : { topic: Number(topic) }),
    }
    sent.push(message)
    return ok({
      message_id: made.message_id,
      date: Math.floor(message.at / 1000),
      chat: { id: message.chat, type: "private" },
      text: message.text,
    })
  }

  const find = (params: Params) =>
    sent.find(
      (each) =>
        each.messageId === Number(params.message_id) && each.chat === Number(params.chat_id) && each.deleted === false,
    )

  async function edit(method: string, params: Params): Promise<Answer> {
    const message = find(params)
    if (message === undefined) return refusal(400, "Bad Request: message to edit not found")
    const buttons = buttonsOf(params)
    const checked = typeof params.text === "string" ? check(params) : {}
    if (typeof checked === "string") return refusal(400, `Bad Request: ${checked}`)
    const changed = { ...message, ...checked, buttons }
    if (JSON.stringify(changed) === JSON.stringify(message))
      return refusal(400, "Bad Request: message is not modified: specified new message content is the same")
    Object.assign(message, changed, { edits: message.edits + 1 })
    await forward(method, params)
    return ok(true)
  }

  function unsend(params: Params): Answer {
    const message = find(params)
    if (message === undefined) return refusal(400, "Bad Request: message to delete not found")
    message.deleted = true
    return ok(true)
  }

  const methods: Record<string, (params: Params) => Answer | Promise<Answer>> = {
    getMe: () => ok({ id: Number(token.split(":")[0]), is_bot: true, first_name: "Vigil", username }),
    getUpdates,
    sendMessage,
    editMessageText: (params) => edit("editMessageText", params),
    editMessageReplyMarkup: (params) => edit("editMessageReplyMarkup", params),
    setWebhook: (params) => {
      webhook = { url: String(params.url), secret: String(params.secret_token ?? "") }
      return ok(true)
    },
    deleteWebhook: () => {
      webhook = null
      return ok(true)
    },
    deleteMessage: unsend,
    getFile: (params) => getFile(params),
    getWebhookInfo: () => ok({ url: webhook?.url ?? "", pending_update_count: pending.length, ...deliveries }),
    setMyCommands: ({ commands, scope }) => {
      const chat = (scope as { chat_id?: unknown } | undefined)?.chat_id
      menus.set(
        chat === undefined ? "default" : String(chat),
        (commands as { command: string }[]).map((c) => c.command),
      )
      return ok(true)
    },
  }

  const pathOf = (id: string) => files.get(id)?.path ?? `media/${id}.bin`

  function getFile({ file_id }: Params): Answer {
    const file = files.get(String(file_id))
    if (file === undefined) return refusal(400, "Bad Request: invalid file_id")
    const size = file.size ?? (file.bytes instanceof Uint8Array ? file.bytes.length : 0)
    if (size > 20_000_000) return refusal(400, "Bad Request: file is too big")
    return ok({ file_id, file_size: size, file_path: pathOf(String(file_id)) })
  }

  function download(path: string): Answer {
    const id = [...files.keys()].find((one) => path === `/file/bot${token}/${pathOf(one)}`)
    return id === undefined ? refusal(404, "Not Found") : { status: 200, body: files.get(id)?.bytes }
  }

  async function answer(asked: ReceivedRequest): Promise<Answer> {
    if (asked.url.pathname.startsWith("/file/")) return download(decodeURIComponent(asked.url.pathname))
    const [, given, method = ""] = /^\/bot([^/]+)\/(\w+)$/.exec(decodeURIComponent(asked.url.pathname)) ?? []
    if (given !== token) return refusal(401, "Unauthorized")
    const params = (asked.body === "" ? {} : JSON.parse(asked.body)) as Params
    const to = moved.get(Number(params.chat_id))
    if (to !== undefined)
      return refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", { migrate_to_chat_id: to })
    return (await methods[method]?.(params)) ?? ok(true)
  }

  /** Hands new updates to the webhook, twice when the first answer is bad, as Telegram repeats them. */
  async function deliver(deliverTo: string | undefined): Promise<number | null> {
    await collect()
    if (webhook === null && deliverTo === undefined) return null
    let status = 0
    for (const update of pending.splice(0)) {
      const post = async () => {
        const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": webhook?.secret ?? "" }
        return (await fetch(deliverTo ?? webhook?.url ?? "", { method: "POST", headers, body: JSON.stringify(update) }))
          .status
      }
      status = await post()
      if (status >= 300) status = await post()
    }
    return status
  }

  const server = await startStandIn(answer)
  const client = (from: number, chat: number, type: "private" | "group" | "supergroup") =>
    backend.getClient(token, { userId: from, chatId: chat, type, timeout: 5000 })

  return {
    ...server,
    env: { TELEGRAM_BOT_TOKEN: token, TELEGRAM_API_ROOT: server.url },
    token,
    sent,
    methods: () => server.asked.map((asked) => asked.url.pathname.split("/").at(-1) ?? ""),
    webhook: () => webhook,
    say: async ({ from, text, chat = from, type = "private", more = {}, deliverTo }) => {
      const person = client(from, chat, type)
      await person.sendMessage(person.makeMessage(text, more))
      return await deliver(deliverTo)
    },
    press: async ({ from, data, messageId, chat = from, deliverTo }) => {
      const person = client(from, chat, "private")
      const message = { message_id: messageId, date: Math.floor(Date.now() / 1000) }
      await person.sendCallback(
        person.makeCallbackQuery(data, { message } as Parameters<typeof person.makeCallbackQuery>[1]),
      )
      return await deliver(deliverTo)
    },
    files,
    give: async ({ from, message, deliverTo }) => {
      const [chat, at] = [{ id: from, type: "private" }, Math.floor(Date.now() / 1000)]
      given += 1
      const more = { message_id: given, date: at, chat, from: { id: from, is_bot: false }, ...message }
      pending.push({ update_id: given, message: more } as { update_id: number })
      for (const wake of waiting) wake()
      return await deliver(deliverTo)
    },
    push: (update) => {
      pending.push(update as { update_id: number })
      for (const wake of waiting) wake()
    },
    migrate: (from, to) => void moved.set(from, to),
    deliveries,
    menus,
    stop: async () => {
      for (const wake of waiting) wake()
      await server.stop()
      await backend.stop()
    },
  }
}

/** The message as it would show, or why Telegram refuses it. */
function check(params: Params): Pick<SentMessage, "chat" | "text" | "raw" | "isHtml" | "buttons"> | string {
  const raw = String(params.text ?? "")
  const isHtml = params.parse_mode === "HTML"
  const buttons = buttonsOf(params)
  let text = raw
  try {
    if (isHtml) text = readTelegramHtml(raw)
  } catch (error) {
    return `can't parse entities: ${(error as Error).message}`
  }
  if (text.trim() === "") return "message text is empty"
  if (text.length > 4096) return "message is too long"
  if (buttons.some(({ data }) => Buffer.byteLength(data) > 64 || data === "")) return "BUTTON_DATA_INVALID"
  return { chat: Number(params.chat_id), text, raw, isHtml, buttons }
}

function buttonsOf(params: Params): { label: string; data: string }[] {
  const markup = params.reply_markup as { inline_keyboard?: { text: string; callback_data: string }[][] } | undefined
  return (markup?.inline_keyboard ?? []).flat().map((button) => ({ label: button.text, data: button.callback_data }))
}

const ok = (result: unknown): Answer => ({ status: 200, body: { ok: true, result } })

function refusal(error_code: number, description: string, parameters?: object): Answer {
  return { status: error_code, body: { ok: false, error_code, description, ...(parameters ? { parameters } : {}) } }
}
