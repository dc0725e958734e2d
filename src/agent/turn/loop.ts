/**
 * Loop: ask the model, do what it calls for, tell it what came of it, until it answers or a limit is reached. A pure
 * function of its parts: it knows nothing of databases, retries or channels, and may be run again from recorded parts.
 */
import type { Message, ModelResult, ToolCall } from "../../model/model.ts"

export interface LoopParts {
  ask(messages: Message[]): Promise<ModelResult>
  /** Always gives the model something to read: a failed tool is data. */
  call(call: ToolCall): Promise<string>
  /** What the person said in the meantime, oldest first. */
  steer(): Promise<Message[]>
  /** Milliseconds of work on the run so far. */
  elapsed(): number
}

export interface LoopLimits {
  steps: number
  toolCalls: number
  wallMs: number
  /** How often the same call with the same arguments may be made. */
  sameCall: number
}

export const LIMITS: LoopLimits = { steps: 20, toolCalls: 40, wallMs: 5 * 60_000, sameCall: 3 }

export type LoopEnd =
  | { end: "answer"; text: string }
  | { end: "limit"; which: "steps" | "tool_calls" | "wall" | "same_call" }

export async function loop(start: Message[], parts: LoopParts, limits: LoopLimits = LIMITS): Promise<LoopEnd> {
  const messages = [...start]
  const gauge = createGauge(limits)
  for (let step = 0; step < limits.steps; step++) {
    if (parts.elapsed() > limits.wallMs) return { end: "limit", which: "wall" }
    const answer = await parts.ask(messages)
    const { text, toolCalls } = answer
    const reached = gauge(toolCalls)
    if (reached) return { end: "limit", which: reached }
    const tellings = await callAll(toolCalls, parts)
    const said = await parts.steer()
    if (toolCalls.length === 0 && said.length === 0) return { end: "answer", text }
    // An answer overtaken by new words was never sent: the model must not believe that the person has read it.
    const heard = toolCalls.length > 0 ? [spoken(answer), ...tellings] : []
    messages.push(...heard, ...said)
  }
  return { end: "limit", which: "steps" }
}

function spoken({ text, toolCalls, state }: ModelResult): Message {
  return { role: "assistant", text: text || null, toolCalls, ...(state ? { state } : {}) }
}

/** One after the other: a later call may build on an earlier one. */
async function callAll(calls: ToolCall[], parts: LoopParts): Promise<Message[]> {
  const tellings: Message[] = []
  for (const call of calls)
    tellings.push({ role: "tool", callId: call.id, name: call.name, text: await parts.call(call) })
  return tellings
}

/** Counts calls; says which limit the next ones would pass, before any of them is made. */
function createGauge(limits: LoopLimits): (calls: ToolCall[]) => "tool_calls" | "same_call" | null {
  const made = new Map<string, number>()
  let total = 0
  return (calls) => {
    total += calls.length
    if (total > limits.toolCalls) return "tool_calls"
    for (const { name, arguments: args } of calls) {
      const times = (made.get(`${name} ${args}`) ?? 0) + 1
      made.set(`${name} ${args}`, times)
      if (times > limits.sameCall) return "same_call"
    }
    return null
  }
}
