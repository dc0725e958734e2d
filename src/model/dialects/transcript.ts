/**
 * Transcript: the neutral history put into the order every provider demands: each assistant message with tool calls is
 * followed at once by exactly one result per call, under ids that occur once. What is missing after a crash, a
 * cancellation or a trim is said to be missing; a result without its call is left out.
 */
import { createHash } from "node:crypto"
import { type Picture, picturesOf, wordsOf } from "../attached.ts"
import type { Message, ProviderState, ToolCall } from "../model.ts"

export const NOT_EXECUTED = "not executed: the run was interrupted before this tool gave a result"

export type Turn =
  | { role: "user"; text: string; pictures: Picture[] }
  | { role: "assistant"; text: string | null; calls: WireCall[]; state?: ProviderState }

interface WireCall {
  /** The id our side knows the call by; `id` is what this request calls it. */
  ourId: string
  id: string
  name: string
  arguments: string
  result: string
}

/** @param facts what the provider accepts as an id, and whether the model takes pictures; see `providers.ts` */
export function transcript(
  request: { messages: readonly Message[]; volatile?: string },
  { callIds, sees }: { callIds: "any" | "nine"; sees: boolean },
): Turn[] {
  const { messages, volatile = "" } = request
  const turns: Turn[] = []
  const used = new Set<string>()
  messages.forEach((message, at) => {
    if (message.role === "user")
      turns.push({ role: "user", text: wordsOf(message, sees), pictures: picturesOf(message, sees) })
    if (message.role !== "assistant") return
    const results = resultsAfter(messages, at)
    const calls = message.toolCalls.map((call) => toWire(call, results, used, callIds))
    const state = message.state === undefined ? {} : { state: message.state }
    if (calls.length > 0 || (message.text ?? "") !== "") {
      turns.push({ role: "assistant", text: message.text, calls, ...state })
    }
  })
  return volatile === "" ? turns : withVolatile(turns, volatile)
}

/** What changes from call to call stands as late as it can, so that the provider's cache keeps all before it. */
function withVolatile(turns: Turn[], volatile: string): Turn[] {
  const last = turns.findLastIndex((turn) => turn.role === "user")
  const before = turns[last]
  if (before?.role !== "user") return [...turns, { role: "user", text: volatile, pictures: [] }]
  return turns.with(last, { ...before, text: `${before.text}\n\n${volatile}` })
}

function toWire(
  call: ToolCall,
  results: ReadonlyMap<string, string>,
  used: Set<string>,
  callIds: "any" | "nine",
): WireCall {
  let id = wireId(call.id, callIds)
  for (let again = 2; used.has(id); again += 1) id = wireId(`${call.id}#${again}`, callIds)
  used.add(id)
  const { name, arguments: text } = call
  return { ourId: call.id, id, name, arguments: text, result: results.get(call.id) ?? NOT_EXECUTED }
}

/** The results that belong to the assistant message at `at`: ids repeat between runs, so the next caller of one ends it. */
function resultsAfter(messages: readonly Message[], at: number): Map<string, string> {
  const asked = messages[at]
  const open = new Set(asked?.role === "assistant" ? asked.toolCalls.map((call) => call.id) : [])
  const results = new Map<string, string>()
  for (const message of messages.slice(at + 1)) {
    if (open.size === 0) break
    if (message.role === "assistant") for (const call of message.toolCalls) open.delete(call.id)
    if (message.role === "tool" && open.delete(message.callId)) results.set(message.callId, message.text)
  }
  return results
}

function wireId(id: string, callIds: "any" | "nine"): string {
  const accepted = callIds === "nine" ? /^[a-zA-Z0-9]{9}$/ : /^[a-zA-Z0-9_-]{1,64}$/
  if (accepted.test(id)) return id
  const hash = createHash("sha256").update(id).digest("hex")
  return callIds === "nine" ? hash.slice(0, 9) : `call_${hash.slice(0, 24)}`
}

/** The provider's own id where it is fit to be ours (present, not taken), else a made one; marks it taken. */
export function ownId(given: string | undefined, taken: Set<string>): string {
  const wanted = given === undefined || given === "" ? "call" : given
  let id = wanted
  for (let n = 2; taken.has(id); n += 1) id = `${wanted}_${n}`
  taken.add(id)
  return id
}

export function callIdsIn(messages: readonly Message[]): Set<string> {
  return new Set(
    messages.flatMap((message) => (message.role === "assistant" ? message.toolCalls.map((c) => c.id) : [])),
  )
}
