/**
 * Errand model: an OpenAI-compatible server that does what a message tells it, word for word. `errand-7 remember {…} then
 * remind {…}` makes it call these tools, one after the other, and then say `done errand-7`; issues are bugs, hardly sure.
 */
import { z } from "zod"
import { bugReport, type ChatRequest, startChatModel, toolCall } from "../../support/chat-model.ts"
import type { Answer, StandIn } from "../../support/stand-in.ts"

const DIMENSIONS = 8

export function startErrandModel(): Promise<StandIn> {
  return startChatModel(
    "errands",
    (asked) => (asked.response_format ? bugReport(0.3, "It may be one.") : next(asked)),
    (path, body) => (path.endsWith("/embeddings") ? embeddings(JSON.parse(body)) : undefined),
  )
}

/** `errand-7 remember {"text":"x"} then recall {"query":"x"}` as its number and calls. */
export function errand(number: number, calls: readonly (readonly [name: string, args: object])[]): string {
  const words = calls.map(([name, args]) => `${name} ${JSON.stringify(args)}`)
  return `errand-${number} ${words.join(" then ")}`.trim()
}

interface Errand {
  number: string
  calls: { name: string; args: string }[]
}

function next({ messages }: ChatRequest): object {
  const said = (role: string) =>
    messages
      .filter((message) => message.role === role)
      .map(({ content }) => textOf(content))
      .join("\n")
  const done = said("assistant")
  const open = errandsIn(said("user")).filter(({ number }) => !done.includes(`done errand-${number}.`))
  const made = new Set(messages.flatMap((message) => message.tool_calls?.map(({ id }) => id) ?? []))
  for (const { number, calls } of open) {
    const index = calls.findIndex((_, at) => !made.has(`e${number}-${at}`))
    const call = calls[index]
    if (call) return { content: null, tool_calls: [toolCall(`e${number}-${index}`, call.name, call.args)] }
  }
  return { content: open.map(({ number }) => `done errand-${number}.`).join(" ") || "nothing to do" }
}

function errandsIn(text: string): Errand[] {
  return [...text.matchAll(/errand-(\d+)([^\n]*)/g)].map(([, number = "", rest = ""]) => ({
    number,
    calls: rest.split(" then ").flatMap((part) => {
      const [, name, args] = /^\s*(\w+) (\{.*\})/.exec(part) ?? []
      return name !== undefined && args !== undefined ? [{ name, args }] : []
    }),
  }))
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content
  const parts = z.array(z.looseObject({ text: z.string().catch("") })).safeParse(content)
  return parts.success ? parts.data.map(({ text }) => text).join("\n") : ""
}

function embeddings(body: unknown): Answer {
  const { input } = z.looseObject({ input: z.union([z.string(), z.array(z.string())]) }).parse(body)
  const data = [input].flat().map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text) }))
  const usage = { prompt_tokens: 1, total_tokens: 1 }
  return { status: 200, body: { object: "list", data, model: "letters", usage } }
}

/** Letters counted by their codes: near texts are near. */
function vectorOf(text: string): number[] {
  const vector: number[] = Array.from({ length: DIMENSIONS }, () => 1)
  for (const letter of text) {
    const at = (letter.codePointAt(0) ?? 0) % DIMENSIONS
    vector[at] = (vector[at] ?? 0) + 1
  }
  return vector
}
