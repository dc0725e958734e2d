/** Model servers on loopback: the shared stand-in, which gives the answers of a model API in order and repeats the last one. */
import { onTestFinished } from "vitest"
import type { RemoteEndpoint } from "../../src/model/servers/endpoint.ts"
import { completionOf } from "../support/chat-model.ts"
import { type Answer, startStandIn, type Trouble } from "../support/stand-in.ts"

interface Heard {
  path: string
  headers: Record<string, string | string[] | undefined>
  // biome-ignore lint/suspicious/noExplicitAny: a request body of any of the APIs, read by the assertions
  body: any
}

interface Server {
  origin: string
  heard(): Heard[]
  trouble(trouble: Trouble): void
}

export async function standIn(replies: Answer[] | ((path: string, at: number) => Answer)): Promise<Server> {
  let count = 0
  const server = await startStandIn(({ url }) => {
    const at = count++
    const reply = typeof replies === "function" ? replies(url.pathname, at) : (replies[at] ?? replies.at(-1))
    return reply ?? { status: 500, body: "the stand-in has no reply" }
  })
  onTestFinished(server.stop)
  const heard = () =>
    server.asked.map(({ url, headers, body }) => ({
      path: url.pathname,
      headers,
      body: body === "" ? undefined : JSON.parse(body),
    }))
  return { origin: server.url, heard, trouble: server.trouble }
}

export function endpoint(origin: string, more: Partial<RemoteEndpoint> = {}): RemoteEndpoint {
  const base = { provider: "openai-compatible", model: "some-model", baseUrl: `${origin}/v1`, apiKey: "test-key" }
  return { ...base, dialect: "chat", ...more }
}

export function chatReply(message: Record<string, unknown>, more: Record<string, unknown> = {}): Answer {
  return completionOf("m", message, more)
}

export function responsesReply(output: Record<string, unknown>[], more: Record<string, unknown> = {}): Answer {
  const usage = { input_tokens: 100, output_tokens: 10, total_tokens: 110, input_tokens_details: { cached_tokens: 40 } }
  return { status: 200, body: { id: "r1", object: "response", status: "completed", output, usage, ...more } }
}

export function saidItem(text: string): Record<string, unknown> {
  const content = [{ type: "output_text", text, annotations: [] }]
  return { type: "message", id: "msg_1", role: "assistant", status: "completed", content }
}

export function refusal(status: number, error: Record<string, unknown>, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { error: { message: "no", type: "invalid_request_error", param: null, ...error } } }
}
