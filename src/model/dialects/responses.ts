/**
 * Responses: OpenAI's own dialect, and the only one in which its current models use tools. Nothing is stored at OpenAI:
 * the reasoning comes back encrypted and Vigil keeps it in its history, so that a restart loses none of it.
 */
import type { OpenAI } from "openai"
import { z } from "zod"
import { Retry } from "../../base/errors.ts"
import type { ModelResult, ToolCall } from "../model.ts"
import { nameOf } from "../servers/endpoint.ts"
import { historyArguments } from "./call-arguments.ts"
import { type DialectAnswer, type DialectCall, stateFor, unreadable } from "./dialect.ts"
import { bareJson, isStrict, schemaInstruction } from "./json-answer.ts"
import { createToolNames, type ToolNames } from "./tool-names.ts"
import { callIdsIn, ownId, type Turn, transcript } from "./transcript.ts"

type InputItem = OpenAI.Responses.ResponseInputItem

/** Tokens. The API refuses a lower cap on the output. */
const LEAST_OUTPUT = 16

const count = z.number().nonnegative().catch(0)
const part = z.looseObject({ type: z.string(), text: z.string().optional(), refusal: z.string().optional() })
const item = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("message"), content: z.array(part) }),
  z.looseObject({ type: z.literal("function_call"), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.looseObject({ type: z.literal("reasoning") }),
])
const answer = z.looseObject({
  status: z.string().nullish(),
  error: z.looseObject({ message: z.string() }).nullish(),
  incomplete_details: z.looseObject({ reason: z.string().nullish() }).nullish(),
  output: z.array(z.looseObject({ type: z.string() })),
  usage: z
    .looseObject({
      input_tokens: count,
      output_tokens: count,
      input_tokens_details: z.looseObject({ cached_tokens: count, cache_write_tokens: count }).nullish(),
    })
    .nullish(),
})
const responsesState = z.object({
  dialect: z.literal("responses"),
  items: z.array(z.looseObject({ type: z.string(), call_id: z.string().optional() })),
  /** Vigil's call id for each call id of the provider. */
  ids: z.record(z.string(), z.string()),
})

type Answer = z.infer<typeof answer>
type Item = z.infer<typeof item>

/** Asks once. Throws what the SDK throws, `Retry` for a failed response, and `Retry("bad_answer")` for any other shape. */
export async function askResponses(call: DialectCall): Promise<DialectAnswer> {
  const { client, endpoint, request } = call
  const names = createToolNames(request.tools.map((tool) => tool.name))
  const options = request.signal === undefined ? {} : { signal: request.signal }
  const raw: unknown = await client.responses.create(body(call, names), options)
  const parsed = answer.safeParse(raw)
  if (!parsed.success) throw unreadable(endpoint, parsed.error)
  if (parsed.data.status === "failed") {
    throw new Retry(`${nameOf(endpoint)} said: ${parsed.data.error?.message.slice(0, 500) ?? "the response failed"}`)
  }
  return read(call, names, parsed.data)
}

function body(call: DialectCall, names: ToolNames): OpenAI.Responses.ResponseCreateParamsNonStreaming {
  const { endpoint, request, plainReasoning } = call
  const tools = request.schema === undefined ? request.tools : []
  const turns = transcript(request, { callIds: "any", sees: call.sees })
  return {
    model: endpoint.model,
    instructions: instructions(call),
    input: turns.flatMap((turn) => wire(turn, call, names)),
    max_output_tokens: Math.max(LEAST_OUTPUT, request.maxOutput),
    store: false,
    ...(plainReasoning ? {} : { include: ["reasoning.encrypted_content" as const] }),
    ...(request.cacheKey === undefined ? {} : { prompt_cache_key: request.cacheKey }),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => responsesTool(tool, names)) }),
    ...answerFormat(call),
  }
}

function instructions({ request, facts }: DialectCall): string {
  if (request.schema === undefined || facts.answers === "json_schema") return request.system
  return `${request.system}\n\n${schemaInstruction(request.schema)}`.trim()
}

function responsesTool(
  tool: { name: string; description: string; parameters: Record<string, unknown> },
  names: ToolNames,
) {
  const { description, parameters } = tool
  return {
    type: "function" as const,
    name: names.toWire(tool.name),
    description,
    parameters,
    strict: isStrict(parameters),
  }
}

function answerFormat({ facts, request }: DialectCall): Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> {
  if (request.schema === undefined || facts.answers === "prompt") return {}
  const { name, schema } = request.schema
  return { text: { format: { type: "json_schema", name, schema, strict: isStrict(schema) } } }
}

function wire(turn: Turn, call: DialectCall, names: ToolNames): InputItem[] {
  if (turn.role === "user") return [{ role: "user", content: userContent(turn) }]
  const results = turn.calls.map(
    (made): InputItem => ({ type: "function_call_output", call_id: made.id, output: made.result }),
  )
  return [...(replayed(turn, call) ?? rewritten(turn, names)), ...results]
}

function userContent({
  text,
  pictures,
}: Extract<Turn, { role: "user" }>): string | OpenAI.Responses.ResponseInputContent[] {
  if (pictures.length === 0) return text
  const shown = pictures.map(({ type, data }) => ({
    type: "input_image" as const,
    image_url: `data:${type};base64,${data}`,
    detail: "auto" as const,
  }))
  return [{ type: "input_text", text }, ...shown]
}

/**
 * The items that this model itself gave, reasoning included, with the call ids of this request; undefined when another
 * model made the turn.
 */
function replayed(turn: Extract<Turn, { role: "assistant" }>, call: DialectCall): InputItem[] | undefined {
  const state = responsesState.safeParse(stateFor(call, turn.state)).data
  if (state === undefined) return undefined
  const ids = new Map(turn.calls.map((made) => [made.ourId, made.id]))
  const items = state.items.map((given) => {
    const id = given.call_id === undefined ? undefined : ids.get(state.ids[given.call_id] ?? given.call_id)
    return id === undefined ? given : { ...given, call_id: id }
  })
  // A parsed boundary: the items came from this API through the SDK's own normaliser, and `responsesState` checked their
  // shape.
  return items as unknown as InputItem[]
}

/** A turn of another model, written from the neutral history. */
function rewritten(turn: Extract<Turn, { role: "assistant" }>, names: ToolNames): InputItem[] {
  const text: InputItem[] = turn.text === null || turn.text === "" ? [] : [{ role: "assistant", content: turn.text }]
  const calls = turn.calls.map(
    (made): InputItem => ({
      type: "function_call",
      call_id: made.id,
      name: names.toWire(made.name),
      arguments: historyArguments(made.arguments),
    }),
  )
  return [...text, ...calls]
}

async function read(call: DialectCall, names: ToolNames, given: Answer): Promise<DialectAnswer> {
  const { toResponseInputItems } = await import("openai/lib/responses/ResponseInputItems")
  const known = given.output.flatMap((output) => item.safeParse(output).data ?? [])
  const taken = callIdsIn(call.request.messages)
  const ids: Record<string, string> = {}
  const toolCalls = known.flatMap((made): ToolCall[] => {
    if (made.type !== "function_call") return []
    const id = ownId(made.call_id, taken)
    ids[made.call_id] = id
    return [{ id, name: names.toOurs(made.name), arguments: made.arguments }]
  })
  const text = known.flatMap(textsOf).join("")
  const details = given.usage?.input_tokens_details
  return {
    text: call.request.schema === undefined ? text : bareJson(text),
    toolCalls,
    finish: finishOf(given, known),
    usage: {
      input: given.usage?.input_tokens ?? 0,
      cached: details?.cached_tokens ?? 0,
      cacheWrite: details?.cache_write_tokens ?? 0,
      output: given.usage?.output_tokens ?? 0,
    },
    state: {
      dialect: "responses",
      items: toResponseInputItems(known as Parameters<typeof toResponseInputItems>[0]),
      ids,
    },
  }
}

function textsOf(output: Item): string[] {
  return output.type === "message" ? output.content.map((p) => p.text ?? p.refusal ?? "") : []
}

function finishOf(given: Answer, known: Item[]): ModelResult["finish"] {
  const reason = given.incomplete_details?.reason
  if (reason === "content_filter" || known.some(isRefusal)) return "filtered"
  if (given.status === "incomplete") return "length"
  return known.some((output) => output.type === "function_call") ? "tool_calls" : "stop"
}

function isRefusal(output: Item): boolean {
  return output.type === "message" && output.content.some((p) => p.type === "refusal")
}
