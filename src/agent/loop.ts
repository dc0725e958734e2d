/**
 * Loop: ask the model, do what it calls for, tell it what came of it, until it answers or a limit is reached. A pure
 * function of its parts: it knows nothing of databases, retries or channels, and may be run again from recorded parts.
 */
import type { Message, ModelResult, ToolCall } from "../model/model.ts"

export interface LoopParts {
  ask(messages: Message[]): Promise<ModelResult>
  /** Always gives the model something to read: a failed tool is data. */
  call(call: ToolCall): Promise<string>
  /** What the person said in the meantime, oldest first. */
  steer(): Promise<string[]>
  /** Milliseconds since the run began. */
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
  const made = new Map<string, number>()
  let calls = 0
  for (let step = 0; step < limits.steps; step++) {
    if (parts.elapsed() > limits.wallMs) return { end: "limit", which: "wall" }
    const result = await parts.ask(messages)
    if (result.toolCalls.length > 0) {
      messages.push({
        role: "assistant",
        text: result.text || null,
        toolCalls: result.toolCalls,
        ...(result.state ? { state: result.state } : {}),
      })
      for (const call of result.toolCalls) {
        const key = `${call.name} ${call.arguments}`
        const times = (made.get(key) ?? 0) + 1
        made.set(key, times)
        if (times > limits.sameCall) return { end: "limit", which: "same_call" }
        if (++calls > limits.toolCalls) return { end: "limit", which: "tool_calls" }
        messages.push({ role: "tool", callId: call.id, name: call.name, text: await parts.call(call) })
      }
    }
    const said = await parts.steer()
    if (result.toolCalls.length === 0) {
      if (said.length === 0) return { end: "answer", text: result.text }
      messages.push({ role: "assistant", text: result.text, toolCalls: [] })
    }
    for (const text of said) messages.push({ role: "user", text })
  }
  return { end: "limit", which: "steps" }
}
