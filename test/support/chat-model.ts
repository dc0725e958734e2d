/** Chat model: what every stand-in that speaks the chat completions API has to read and say, whatever it makes of it. */
import { z } from "zod"
import { type Answer, type StandIn, startStandIn } from "./stand-in.ts"

export const chatRequest = z.looseObject({
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content: z.unknown(),
      tool_calls: z.array(z.looseObject({ id: z.string() })).optional(),
    }),
  ),
  response_format: z.unknown().optional(),
})
export type ChatRequest = z.infer<typeof chatRequest>

const EMPTY_LIST: Answer = { status: 200, body: { object: "list", data: [] } }

/**
 * A server of one model.
 * @param reply its message to a request
 * @param elsewhere what it answers on other paths; an empty list where it has no answer
 */
export function startChatModel(
  model: string,
  reply: (request: ChatRequest) => object | Promise<object>,
  elsewhere: (path: string, body: string) => Answer | undefined = () => undefined,
): Promise<StandIn> {
  return startStandIn(async ({ url, body }) => {
    if (!url.pathname.endsWith("/chat/completions")) return elsewhere(url.pathname, body) ?? EMPTY_LIST
    return completionOf(model, await reply(chatRequest.parse(JSON.parse(body))))
  })
}

/** @param more fields of the answer beside, or instead of, the usual ones. */
export function completionOf(model: string, message: object, more: object = {}): Answer {
  const finish_reason = "tool_calls" in message ? "tool_calls" : "stop"
  const choices = [{ index: 0, message: { role: "assistant", ...message }, finish_reason }]
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
  return { status: 200, body: { id: "c1", object: "chat.completion", created: 0, model, choices, usage, ...more } }
}

/** @param args as the model writes them, which need not be JSON. */
export function toolCall(id: string, name: string, args: string): Record<string, unknown> {
  return { id, type: "function", function: { name, arguments: args } }
}

/** A message that classifies an issue as a bug. */
export function bugReport(confidence: number, reason: string): object {
  return { content: JSON.stringify({ kind: "bug", confidence, severity: "low", labels: [], reason }) }
}
