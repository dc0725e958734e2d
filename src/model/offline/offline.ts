/**
 * Offline: the responder without a language model. It takes the same requests as every model and answers them by rules,
 * from the request alone: a command becomes tool calls, and their results become the reply. It never invents a statement
 * about the world, and it never repeats a call that another model already made in this turn.
 */
import { Reject } from "../../base/errors.ts"
import { type Attached, UNSEEN } from "../attached.ts"
import type { Message, ModelRequest, ModelResult, ToolCall } from "../model.ts"
import { OFFLINE } from "../servers/endpoint.ts"
import { type OfflineCommand, parseCommand } from "./grammar.ts"
import { notQuite, quotations, readReport, refused, replyOf, saying, switchedOff } from "./replies.ts"
import { fullyAbout, touching } from "./words.ts"

/** The ids of the offline responder's own calls, by which it knows their results again: `offline-<message>-<step>`. */
const OURS = /^offline-\d+-\d+$/

/** The next call that a command needs, or its finished reply. */
type Plan = { call: ToolCall } | { reply: string }
type ToolMessage = Extract<Message, { role: "tool" }>

interface Turn {
  /** The person's messages in this turn, without those that another model already handled. */
  said: { text: string; at: number; attached: Attached[] }[]
  /** Results of the offline responder's own calls, by id. */
  results: ReadonlyMap<string, string>
  /** Results of calls that another model made before it failed. */
  foreign: ToolMessage[]
}

/**
 * Answers by rules.
 * @param now used only to leave out the year of dates in the current year
 * @throws Reject with code `offline_no_schema` when the request has a schema, because rules cannot fill one
 */
export function answerOffline(request: ModelRequest, now: Date): ModelResult {
  if (request.schema !== undefined) {
    throw new Reject(422, `no language model is connected, so ${request.schema.name} cannot be answered`, {
      code: "offline_no_schema",
      fix: "set OPENAI_API_KEY or OPENAI_BASE_URL",
    })
  }
  const offered = new Set(request.tools.map((tool) => tool.name))
  const turn = readTurn(request.messages)
  const plans = turn.said.flatMap(({ text, at, attached }): Plan[] => [
    ...(text === "" ? [] : [plan(parseCommand(text), { at, turn, offered, now })]),
    ...attached.flatMap(unreadable),
  ])
  const toolCalls = plans.flatMap((next) => ("call" in next ? [next.call] : []))
  const replies = plans.flatMap((next) => ("reply" in next ? [next.reply] : []))
  const done = turn.foreign.map((message) => replyOf(message.name, message.text))
  const reply = [...done, ...replies].join("\n\n") || saying("unknown")
  return {
    text: toolCalls.length > 0 ? "" : reply,
    toolCalls,
    finish: toolCalls.length > 0 ? "tool_calls" : "stop",
    usage: { input: 0, cached: 0, output: 0 },
    cost: 0,
    provider: OFFLINE.provider,
    model: OFFLINE.model,
  }
}

/** Reads what came after the last finished answer. */
function readTurn(messages: readonly Message[]): Turn {
  const answered = messages.findLastIndex((message) => message.role === "assistant" && message.toolCalls.length === 0)
  const since = messages.slice(answered + 1)
  const results = new Map(since.flatMap((m) => (m.role === "tool" && OURS.test(m.callId) ? [[m.callId, m.text]] : [])))
  const foreign = since.filter((m) => m.role === "tool").filter((m) => !OURS.test(m.callId))
  const handled = since.findLastIndex((m) => m.role === "assistant" && m.toolCalls.some((call) => !OURS.test(call.id)))
  const said = since
    .flatMap((m, index) => (m.role === "user" ? [{ text: commandIn(m.text), attached: m.attached ?? [], index }] : []))
    .map((message, at) => ({ ...message, at: at + 1 }))
    .filter(({ index }) => index > handled)
  return { said, results, foreign }
}

/** The command in a message. The words of a recording come with a mark in front, which is no part of the command. */
const commandIn = (text: string): string => text.replace(/^voice note: /, "").trim()

/** One reply per attached file: rules can neither read nor see, and no file is passed over silently. */
function unreadable({ what, unread, image }: Attached): Plan[] {
  const why = unread ?? (image === undefined ? "I can't read files without a model" : UNSEEN)
  return [{ reply: `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${why}.` }]
}

interface Place {
  /** The place of the message in the turn, from 1. */
  at: number
  turn: Turn
  offered: ReadonlySet<string>
  now: Date
}

function plan(command: OfflineCommand, place: Place): Plan {
  if (command.kind === "say") return { reply: saying(command.saying) }
  if (command.kind === "call")
    return callOrReply(place, 1, command.tool, command.args, (text) => replyOf(command.tool, text))
  if (command.kind === "recall") {
    const { query } = command
    return callOrReply(place, 1, "recall", { query }, (text) => recalled(query, text, place.now))
  }
  return forgetAbout(command.topic, place)
}

function recalled(query: string, text: string, now: Date): string {
  const report = readReport(text)
  return report.ok === false ? refused(report) : quotations(touching(query, report.memories), now)
}

/** Forgets in two steps: recalls the memories about the topic, then forgets those that are wholly about it. */
function forgetAbout(topic: string, place: Place): Plan {
  const found = place.turn.results.get(callId(place.at, 1))
  if (found === undefined) return callOrReply(place, 1, "recall", { query: topic }, () => "")
  const report = readReport(found)
  if (report.ok === false) return { reply: refused(report) }
  const ids = fullyAbout(topic, report.memories).flatMap((memory) => memory.id ?? [])
  if (ids.length === 0) return { reply: notQuite(touching(topic, report.memories)) }
  return callOrReply(place, 2, "forget", { ids }, (text) => replyOf("forget", text))
}

/** The reply when the call has its result, else the call; a reply that says why when the tool is not offered. */
function callOrReply(
  place: Place,
  step: number,
  tool: string,
  args: Record<string, unknown>,
  reply: (text: string) => string,
): Plan {
  const id = callId(place.at, step)
  const result = place.turn.results.get(id)
  if (result !== undefined) return { reply: reply(result) }
  if (!place.offered.has(tool)) return { reply: switchedOff(tool) }
  return { call: { id, name: tool, arguments: JSON.stringify(args) } }
}

function callId(at: number, step: number): string {
  return `offline-${at}-${step}`
}
