/**
 * Tokens: an estimate of how many tokens a text takes. The characters per token of a model are a moving average over the
 * usage that the model reports. No tokenizer is loaded: the common one takes 76 MB and is right for one vendor only.
 */
import { Buffer } from "node:buffer"
import { picturesOf, wordsOf } from "./attached.ts"
import type { Message, ModelRequest } from "./model.ts"

/** Characters per token before the first report. */
const START = 3.6
/** Weight of the newest report in the moving average. */
const WEIGHT = 0.2
/** Characters. In a shorter prompt the fixed overhead of a request would teach a wrong ratio. */
const LEAST_SAMPLE = 400
/** Tokens that every message takes beside its text. */
const PER_MESSAGE = 8
/** The most tokens that one picture takes at the providers that publish how they count. */
const PER_PICTURE = 2_500

export interface TokenMeter {
  tokens(model: string, text: string): number
  /** Tokens of a whole prompt: texts, tool descriptions and the overhead per message. */
  prompt(model: string, request: ModelRequest): number
  /** Learns from the prompt tokens that the provider counted for `request`. */
  learn(model: string, request: ModelRequest, counted: number): void
}

export function createTokenMeter(): TokenMeter {
  const ratios = new Map<string, number>()

  function tokens(model: string, text: string): number {
    // A script with three bytes per character takes about one token per character; a quarter of the bytes keeps the
    // estimate high enough until the ratio is learned.
    return Math.ceil(Math.max(text.length / (ratios.get(model) ?? START), Buffer.byteLength(text) / 4))
  }
  function prompt(model: string, request: ModelRequest): number {
    const pictures = PER_PICTURE * picturesIn(request)
    return tokens(model, promptText(request)) + PER_MESSAGE * (request.messages.length + 1) + pictures
  }
  function learn(model: string, request: ModelRequest, counted: number): void {
    const length = promptText(request).length
    const net = counted - PER_MESSAGE * (request.messages.length + 1)
    if (length < LEAST_SAMPLE || net <= 0 || picturesIn(request) > 0) return
    const reported = Math.min(8, Math.max(0.5, length / net))
    ratios.set(model, (1 - WEIGHT) * (ratios.get(model) ?? START) + WEIGHT * reported)
  }
  return { tokens, prompt, learn }
}

function promptText(request: ModelRequest): string {
  const tools = request.tools.length === 0 ? "" : JSON.stringify(request.tools)
  const schema = request.schema === undefined ? "" : JSON.stringify(request.schema)
  return [request.system, tools, schema, request.volatile ?? "", ...request.messages.map(messageText)].join("\n")
}

function messageText(message: Message): string {
  if (message.role === "user") return wordsOf(message, true)
  if (message.role === "tool") return message.text
  return [message.text ?? "", ...message.toolCalls.map((call) => call.name + call.arguments)].join("\n")
}

function picturesIn(request: ModelRequest): number {
  return request.messages.reduce(
    (sum, message) => sum + (message.role === "user" ? picturesOf(message, true).length : 0),
    0,
  )
}
