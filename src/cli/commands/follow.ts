/**
 * Follow: what the agent says on its own in a conversation that is open in a terminal, as server-sent events (WHATWG HTML,
 * section 9.2). A broken stream is taken up again after the last event that was seen.
 */
import { setTimeout as pause } from "node:timers/promises"
import { type ConversationMessage, messageSchema, messagesAnswer } from "../../contract/conversation/messages.ts"
import type { Client } from "../client.ts"

const AGAIN_MS = 2_000
/** Characters; a longer event is no message. */
const MAX_EVENT = 1_000_000

export async function follow(
  client: Client,
  thread: string,
  signal: AbortSignal,
  hear: (message: ConversationMessage) => void,
): Promise<void> {
  const path = `/api/v1/threads/${encodeURIComponent(thread)}`
  let lastId: string | undefined
  while (!signal.aborted) {
    try {
      lastId ??= String((await client.get(`${path}/messages?limit=1`, messagesAnswer)).cursor)
      const body = await client.stream(`${path}/events`, signal, lastId)
      for await (const event of eventsOf(body)) {
        lastId = event.id ?? lastId
        const message = event.name === "reply" ? messageOf(event.data) : null
        if (message) hear(message)
      }
    } catch {
      // Away, or over: the conversation itself says so at the next message.
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined)
  }
}

function messageOf(data: string): ConversationMessage | null {
  try {
    return messageSchema.safeParse(JSON.parse(data)).data ?? null
  } catch {
    return null
  }
}

interface ReadEvent {
  id?: string
  name: string
  data: string
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ReadEvent> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).replaceAll("\r\n", "\n").split("\n\n")
    rest = blocks.pop() ?? ""
    if (rest.length > MAX_EVENT) throw new Error("an event of the stream is too long")
    yield* blocks.map(eventOf)
  }
}

function eventOf(block: string): ReadEvent {
  const id = fieldsOf(block, "id").at(-1)
  const name = fieldsOf(block, "event").at(-1) ?? "message"
  return { name, data: fieldsOf(block, "data").join("\n"), ...(id === undefined ? {} : { id }) }
}

function fieldsOf(block: string, field: string): string[] {
  const start = `${field}:`
  return block
    .split("\n")
    .filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length).replace(/^ /, ""))
}
