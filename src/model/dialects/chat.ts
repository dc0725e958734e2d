/**
 * Chat: the Chat Completions dialect, which every OpenAI-compatible server speaks. Answers are never streamed, because
 * several servers break tool calls in a stream and none breaks them in a whole answer.
 */
import type { OpenAI } from "openai"
import { z } from "zod"
import { Retry } from "../../base/errors.ts"
import type { ModelResult, ToolCall } from "../model.ts"
import { nameOf } from "../servers/endpoint.ts"
import { splitArguments } from "./call-arguments.ts"
import { chatMessages, type chatState } from "./chat-messages.ts"
import { type DialectAnswer, type DialectCall, type MeteredUsage, unreadable } from "./dialect.ts"
import { bareJson, isStrict } from "./json-answer.ts"
import { createToolNames, type ToolNames } from "./tool-names.ts"
import { callIdsIn, ownId } from "./transcript.ts"

const count = z.number().nonnegative().catch(0)
const parts = z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))

const wireCall = z.looseObject({
  id: z.string().nullish(),
  function: z.object({
    name: z.string(),
    arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  }),
})
const wireMessage = z.looseObject({
  content: z.union([z.string(), parts]).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(wireCall).nullish(),
})
const completion = z.object({
  choices: z.tuple([z.object({ message: wireMessage, finish_reason: z.string().nullish() })], z.unknown()),
  usage: z
    .looseObject({
      prompt_tokens: count,
      completion_tokens: count,
      prompt_tokens_details: z.looseObject({ cached_tokens: count, cache_write_tokens: count }).nullish(),
      cost: z.number().nonnegative().nullish().catch(null),
    })
    .nullish(),
})
const failed = z.object({ error: z.looseObject({ message: z.string() }) })

type WireMessage = z.infer<typeof wireMessage>

/**
 * Asks once. Throws what the SDK throws, `Retry` for a failure inside a 200, and `Retry("bad_answer")` for any other
 * shape.
 */
export async function askChat(call: DialectCall): Promise<DialectAnswer> {
  const { client, endpoint, request } = call
  const names = createToolNames(request.tools.map((tool) => tool.name))
  const options = request.signal === undefined ? {} : { signal: request.signal }
  const raw: unknown = await client.chat.completions.create(body(call, names), options)
  const parsed = completion.safeParse(raw)
  if (!parsed.success) {
    // Some gateways answer 200 with the provider's failure in the body.
    const failure = failed.safeParse(raw)
    if (failure.success) throw new Retry(`${nameOf(endpoint)} said: ${failure.data.error.message.slice(0, 500)}`)
    throw unreadable(endpoint, parsed.error)
  }
  const { choices, usage } = parsed.data
  return read(call, names, choices[0], { ...metered(usage), ...billed(usage) })
}

function body(call: DialectCall, names: ToolNames): OpenAI.ChatCompletionCreateParamsNonStreaming {
  const { endpoint, facts, request } = call
  const tools = request.schema === undefined ? request.tools : []
  return {
    model: endpoint.model,
    messages: chatMessages(call, names),
    [facts.outputCap]: request.maxOutput,
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => chatTool(tool, names)) }),
    ...answerFormat(call),
  }
}

function chatTool(tool: { name: string; description: string; parameters: Record<string, unknown> }, names: ToolNames) {
  const { description, parameters } = tool
  return { type: "function" as const, function: { name: names.toWire(tool.name), description, parameters } }
}

function answerFormat({ facts, request }: DialectCall): Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> {
  if (request.schema === undefined || facts.answers === "prompt") return {}
  if (facts.answers === "json_object") return { response_format: { type: "json_object" } }
  const { name, schema } = request.schema
  return { response_format: { type: "json_schema", json_schema: { name, schema, strict: isStrict(schema) } } }
}

function read(
  call: DialectCall,
  names: ToolNames,
  choice: { message: WireMessage; finish_reason?: string | null | undefined },
  rest: Pick<DialectAnswer, "usage" | "billed">,
): DialectAnswer {
  const { facts, request } = call
  const { message } = choice
  const taken = callIdsIn(request.messages)
  const extras: Record<string, Record<string, unknown>> = {}
  const toolCalls = (message.tool_calls ?? []).flatMap((made) => {
    const given =
      typeof made.function.arguments === "object"
        ? JSON.stringify(made.function.arguments ?? {})
        : made.function.arguments
    const calls = splitArguments(given ?? "").map(
      (text): ToolCall => ({
        id: ownId(made.id ?? undefined, taken),
        name: names.toOurs(made.function.name),
        arguments: text,
      }),
    )
    for (const toolCall of calls) extras[toolCall.id] = picked(made, facts.echoCall)
    return calls
  })
  const content = textOf(message)
  const text = request.schema === undefined ? content : bareJson(content)
  const state: z.infer<typeof chatState> = { dialect: "chat", message: picked(message, facts.echo), calls: extras }
  const carries = facts.echo.length + facts.echoCall.length > 0
  return { text, toolCalls, finish: finishOf(choice, toolCalls.length), ...rest, ...(carries ? { state } : {}) }
}

function textOf(message: WireMessage): string {
  if (typeof message.content === "string" && message.content !== "") return message.content
  if (Array.isArray(message.content)) {
    return message.content.map((part) => (part.type === "text" ? (part.text ?? "") : "")).join("")
  }
  return message.refusal ?? ""
}

function finishOf(
  choice: { message: WireMessage; finish_reason?: string | null | undefined },
  calls: number,
): ModelResult["finish"] {
  if (choice.finish_reason === "length") return "length"
  if (choice.finish_reason === "content_filter" || (choice.message.refusal ?? "") !== "") return "filtered"
  // Some servers give the finish reason `stop` although they call tools.
  return calls > 0 ? "tool_calls" : "stop"
}

function picked(from: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]))
}

type WireUsage = z.infer<typeof completion>["usage"]

function metered(usage: WireUsage): { usage: MeteredUsage } {
  const details = usage?.prompt_tokens_details
  return {
    usage: {
      input: usage?.prompt_tokens ?? 0,
      cached: details?.cached_tokens ?? 0,
      cacheWrite: details?.cache_write_tokens ?? 0,
      output: usage?.completion_tokens ?? 0,
    },
  }
}

function billed(usage: WireUsage): { billed?: number } {
  return typeof usage?.cost === "number" ? { billed: usage.cost } : {}
}
