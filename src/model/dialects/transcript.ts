/**
 * Transcript: the neutral history in the order that every provider demands. Exactly one result per call follows each
 * assistant message with tool calls, and no call id occurs twice, because providers refuse the whole request otherwise.
 * A result that is missing after a crash, a cancellation or a trim is replaced by `NOT_EXECUTED`; a result without its
 * call is left out.
 */
import { createHash } from "node:crypto"
import { type Picture, picturesOf, wordsOf } from "../attached.ts"
import type { Message, ProviderState, ToolCall } from "../model.ts"

export const NOT_EXECUTED = "not executed: the run was interrupted before this tool gave a result"

export type Turn =
  | { role: "user"; text: string; pictures: Picture[] }
  | { role: "assistant"; text: string | null; calls: WireCall[]; state?: ProviderState }

interface WireCall {
  /** The id of the call in Vigil's history. */
  ourId: string
  /** The id of the call in this request. */
  id: string
  name: string
  arguments: string
  result: string
}

/**
 * The history of a request as turns.
 * @param limits `callIds`: the form of call id that the provider accepts (`providers.ts`); `sees`: whether the model
 * takes pictures.
 */
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

/**
 * Appends the volatile text to the last user message. It stands as late as it can, because the provider caches only the
 * unchanged beginning of a prompt.
 */
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

/**
 * The results of the calls in the assistant message at `at`, by call id. Two runs can use the same id, so the search for
 * an id ends where a later message calls with it again.
 */
function resultsAfter(messages: readonly Message[], at: number): Map<string, string> {
  const caller = messages[at]
  const open = new Set(caller?.role === "assistant" ? caller.toolCalls.map((call) => call.id) : [])
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

/** The provider's call id if it gave one that is not yet in `taken`, else a new id. Adds the result to `taken`. */
export function ownId(given: string | undefined, taken: Set<string>): string {
  const wanted = given === undefined || given === "" ? "call" : given
  let id = wanted
  for (let n = 2; taken.has(id); n += 1) id = `${wanted}_${n}`
  taken.add(id)
  return id
}

/** Every call id that the history uses. */
export function callIdsIn(messages: readonly Message[]): Set<string> {
  return new Set(
    messages.flatMap((message) => (message.role === "assistant" ? message.toolCalls.map((c) => c.id) : [])),
  )
}
