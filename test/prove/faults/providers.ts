/**
 * Providers: a model and a Telegram in one small server. They do what the last words ask for and answer at once; of what
 * they did they keep only what Telegram was given to send.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { z } from "zod"

export interface Providers {
  port: number
  /** Texts that Telegram took, in order. */
  sent: string[]
  modelCalls: number
  /** Called when a request came, and waited for before its answer; `who` is the first part of its path. */
  before: (call: { who: string; what: "model" | "send" }) => Promise<void> | void
  nextMessage(): Promise<void>
  /** Settings of a process that is known here as `who`; reached through `port` when that is another. */
  envFor(who: string, port?: number): Record<string, string>
  stop(): Promise<void>
}

export const SECRET = "0123456789abcdef0123456789abcdef"
export const CHAT = 4242

const message = z.looseObject({ role: z.string(), content: z.unknown(), tool_calls: z.unknown().optional() })
const chatRequest = z.looseObject({ messages: z.array(message) })
type Message = z.infer<typeof message>

export async function startProviders({ keeps = true } = {}): Promise<Providers> {
  let heard = Promise.withResolvers<void>()
  let messages = 0

  async function answer(request: IncomingMessage): Promise<object> {
    const body = await textOf(request)
    const [, who = "", path = ""] = /^\/(\w+)(\/.*)$/.exec(request.url ?? "") ?? []
    if (path.endsWith("/chat/completions")) {
      providers.modelCalls++
      await providers.before({ who, what: "model" })
      return completion(chatRequest.parse(JSON.parse(body)).messages)
    }
    if (!path.startsWith("/bot")) return { object: "list", data: [] }
    if (!path.endsWith("/sendMessage")) return { ok: true, result: true }
    const { text } = z.looseObject({ text: z.string() }).parse(JSON.parse(body))
    if (keeps) providers.sent.push(text)
    await providers.before({ who, what: "send" })
    heard.resolve()
    heard = Promise.withResolvers()
    return { ok: true, result: { message_id: ++messages, date: 1, chat: { id: CHAT, type: "private" }, text } }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new Error("the providers have no port")
  const own = address.port
  const providers: Providers = {
    port: own,
    sent: [],
    modelCalls: 0,
    before: () => {},
    nextMessage: () => heard.promise,
    envFor: (who, port = own) => ({
      MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      VIGIL_TOKEN: SECRET,
      LOG_LEVEL: "warn",
      OWNER_TIMEZONE: "America/New_York",
      PUBLIC_URL: "http://vigil.test",
      OPENAI_BASE_URL: `http://127.0.0.1:${port}/${who}/v1`,
      OPENAI_API_KEY: "a-key-of-the-test",
      VIGIL_MODEL: "quick",
      VIGIL_PROBE_LOCAL: "0",
      VIGIL_SEND_PACE: "off",
      TELEGRAM_BOT_TOKEN: "666:quick",
      TELEGRAM_WEBHOOK_SECRET: SECRET,
      TELEGRAM_API_ROOT: `http://127.0.0.1:${port}/${who}`,
      OWNER_TELEGRAM_ID: String(CHAT),
    }),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
  return providers
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Calls a tool for each job that was asked for and not reported yet, then reports them; other words get a nod. */
function completion(messages: Message[]): object {
  const said = (role: string) => JSON.stringify(messages.filter((one) => one.role === role))
  const spoken = said("assistant")
  const open = [...new Set(said("user").match(/please (?:do job-\d+|recall [\w ]+)/g))].filter(
    (ask) => !spoken.includes(`done ${jobOf(ask)}.`),
  )
  const calls = open.filter((ask) => !spoken.includes(`"c-${jobOf(ask)}"`)).map(toolCall)
  const content = open.map((ask) => `done ${jobOf(ask)}.`).join(" ") || "It is noted."
  const reply = calls.length > 0 ? { content: null, tool_calls: calls } : { content }
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
  const choices = [
    { index: 0, message: { role: "assistant", ...reply }, finish_reason: calls.length > 0 ? "tool_calls" : "stop" },
  ]
  return { id: "x", object: "chat.completion", created: 0, model: "quick", choices, usage }
}

/** Whatever follows `please do`, or the question itself. */
function jobOf(ask: string): string {
  return ask.replace("please do ", "").replaceAll(" ", "-")
}

function toolCall(ask: string): object {
  const isJob = ask.startsWith("please do ")
  const args = isJob
    ? { text: `Fact of ${jobOf(ask)} and its long list` }
    : { query: ask.replace("please recall ", "") }
  const call = { name: isJob ? "remember" : "recall", arguments: JSON.stringify(args) }
  return { id: `c-${jobOf(ask)}`, type: "function", function: call }
}
