/**
 * Follow: what the agent says on its own in a conversation that is open in a terminal, as server-sent events (WHATWG HTML,
 * section 9.2). A broken stream is taken up again after the last event that was seen.
 */
import { setTimeout as pause } from "node:timers/promises"
import type { Client } from "../client.ts"
import { cursorSchema, type Letter, letterSchema } from "../shapes.ts"

const AGAIN_MS = 2_000
/** Characters; a longer event is no letter. */
const MAX_EVENT = 1_000_000

export async function follow(
  client: Client,
  thread: string,
  signal: AbortSignal,
  hear: (letter: Letter) => void,
): Promise<void> {
  const path = `/api/v1/threads/${encodeURIComponent(thread)}`
  let lastId: string | undefined
  while (!signal.aborted) {
    try {
      lastId ??= String((await client.get(`${path}/messages?limit=1`, cursorSchema)).cursor)
      const body = await client.stream(`${path}/events`, signal, lastId)
      for await (const event of eventsOf(body)) {
        lastId = event.id ?? lastId
        const letter = letterOf(event.data)
        if (letter) hear(letter)
      }
    } catch {
      // Away, or over: the conversation itself says so at the next message.
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined)
  }
}

function letterOf(data: string): Letter | null {
  try {
    const letter = letterSchema.safeParse(JSON.parse(data))
    return letter.success && letter.data.from !== "person" ? letter.data : null
  } catch {
    return null
  }
}

interface ServerEvent {
  id?: string
  data: string
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of body) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).replaceAll("\r\n", "\n").split("\n\n")
    rest = blocks.pop() ?? ""
    if (rest.length > MAX_EVENT) throw new Error("an event of the stream is too long")
    yield* blocks.map(eventOf)
  }
}

function eventOf(block: string): ServerEvent {
  const id = fieldsOf(block, "id").at(-1)
  return { data: fieldsOf(block, "data").join("\n"), ...(id === undefined ? {} : { id }) }
}

function fieldsOf(block: string, field: string): string[] {
  const start = `${field}:`
  return block
    .split("\n")
    .filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length).replace(/^ /, ""))
}
