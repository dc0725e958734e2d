/**
 * Chat messages: the neutral history in the form of Chat Completions. The extra fields that a provider gave with a message
 * or a call go back to that provider and model, and to no other.
 */
import type { OpenAI } from "openai"
import { z } from "zod"
import { historyArguments } from "./call-arguments.ts"
import { type DialectCall, stateFor } from "./dialect.ts"
import { schemaInstruction } from "./json-answer.ts"
import type { ToolNames } from "./tool-names.ts"
import { type Turn, transcript } from "./transcript.ts"

type ChatMessage = OpenAI.ChatCompletionMessageParam

/**
 * What one chat answer leaves for the next request: extra fields of the message, and extra fields of each call under
 * Vigil's call id.
 */
export const chatState = z.object({
  dialect: z.literal("chat"),
  message: z.record(z.string(), z.unknown()),
  calls: z.record(z.string(), z.record(z.string(), z.unknown())),
})

export function chatMessages(call: DialectCall, names: ToolNames): ChatMessage[] {
  const { request, facts } = call
  const turns = transcript(request, { callIds: facts.callIds, sees: call.sees })
  const format =
    request.schema !== undefined && facts.answers !== "json_schema" ? schemaInstruction(request.schema) : ""
  const system = [request.system, format].filter((part) => part !== "").join("\n\n")
  const first: ChatMessage[] = system === "" ? [] : [{ role: "system", content: system }]
  return [...first, ...turns.flatMap((turn) => wire(turn, call, names))]
}

function wire(turn: Turn, call: DialectCall, names: ToolNames): ChatMessage[] {
  if (turn.role === "user") return [{ role: "user", content: userContent(turn) }]
  const { facts } = call
  const state = chatState.safeParse(stateFor(call, turn.state)).data
  if (turn.calls.length === 0) return [{ role: "assistant", content: turn.text, ...state?.message }]
  const toolCalls = turn.calls.map((made) => ({
    id: made.id,
    type: "function" as const,
    function: { name: names.toWire(made.name), arguments: historyArguments(made.arguments) },
    ...(state === undefined ? facts.foreignCall : state.calls[made.ourId]),
  }))
  const content = turn.text === null || turn.text === "" ? facts.noContent : turn.text
  return [
    { role: "assistant", content, tool_calls: toolCalls, ...facts.always, ...state?.message },
    ...turn.calls.map((made) => ({ role: "tool" as const, tool_call_id: made.id, content: made.result })),
  ]
}

/** A message without pictures stays a plain string, because every server takes that form. */
function userContent({ text, pictures }: Extract<Turn, { role: "user" }>): string | OpenAI.ChatCompletionContentPart[] {
  if (pictures.length === 0) return text
  const shown = pictures.map(({ type, data }) => ({
    type: "image_url" as const,
    image_url: { url: `data:${type};base64,${data}` },
  }))
  return [{ type: "text", text }, ...shown]
}
