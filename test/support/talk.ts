/** Conversations with the real turn over a test database, and a model that says what a test puts in its mouth. */
import { sql } from "drizzle-orm"
import { builtinCommands } from "../../src/agent/commands/builtin.ts"
import { createCommands } from "../../src/agent/commands/commands.ts"
import { createAnswer, createTurn } from "../../src/agent/turn/turn.ts"
import { newId } from "../../src/base/ids.ts"
import type { Opened } from "../../src/db/migrate.ts"
import { createMemory } from "../../src/memory/store.ts"
import type { Model, ModelRequest, ModelResult } from "../../src/model/model.ts"
import { createTokenMeter } from "../../src/model/tokens.ts"
import type { Event } from "../../src/thread/inbox/event.ts"
import type { Tool } from "../../src/tools/tool.ts"
import { spine, text } from "./spine.ts"

export interface Mouth extends Model {
  /** What it was asked, in order. */
  asked: Omit<ModelRequest, "signal">[]
  /** What it says next; "fine" when there is nothing left. */
  next: (() => Promise<ModelResult> | ModelResult)[]
}

const BASE: ModelResult = {
  text: "",
  toolCalls: [],
  finish: "stop",
  usage: { input: 1000, cached: 0, output: 100 },
  cost: 0.0125,
  provider: "t",
  model: "m1",
}

/** The model answers with words. */
export const says =
  (words: string, over: Partial<ModelResult> = {}) =>
  (): ModelResult => ({ ...BASE, text: words, ...over })

/** The model calls a tool; a text stands for arguments as it wrote them. */
export const calls = (name: string, args: unknown) => (): ModelResult => ({
  ...BASE,
  finish: "tool_calls",
  toolCalls: [{ id: newId(), name, arguments: typeof args === "string" ? args : JSON.stringify(args) }],
})

function createMouth(): Mouth {
  const meter = createTokenMeter()
  const mouth: Mouth = {
    asked: [],
    next: [],
    identity: { provider: "t", model: "m1", because: "a test" },
    offline: false,
    estimate: () => null,
    tokens: (words) => meter.tokens("m1", words),
    async ask({ signal: _, ...request }) {
      mouth.asked.push(structuredClone(request))
      return (mouth.next.shift() ?? says("fine"))()
    },
  }
  return mouth
}

export async function talking(
  db: Opened,
  { tools = [], now = () => new Date() }: { tools?: Tool[]; now?: () => Date } = {},
) {
  const model = createMouth()
  const memory = createMemory({ db, queue: { send: async () => {} }, clock: { now } })
  const byName = new Map(tools.map((tool) => [tool.name, tool]))
  const answer = createAnswer({ db, memory, tokens: model.tokens, tools: byName })
  const commands = createCommands(builtinCommands({ db, now, model, status: async () => "All is well." }))
  const s = await spine({ db, model, tools, now, handlers: { message: createTurn(answer), command: commands } })

  /** One conversation: what is said, and the answers that this one saying brought. */
  function talk(event: Partial<Event> = {}) {
    const threadKey = `web:${newId()}`
    let threadId = ""
    let seen = 0
    /** What was answered since the last look. */
    async function heard(): Promise<string[]> {
      const rows = await db.query<{ seq: number; text: string }>(
        sql`select seq, body ->> 'text' as text from outbox where thread_id = ${threadId} and seq > ${seen} order by seq`,
      )
      seen = rows.at(-1)?.seq ?? seen
      return rows.map((row) => row.text)
    }
    async function say(words: string): Promise<string[]> {
      const kind = words.startsWith("/") ? "command" : "message"
      threadId = (await s.inbox.accept(text(words, { kind, threadKey, ...event }))).threadId
      await s.settle(threadId)
      return heard()
    }
    return { threadKey, id: () => threadId, say, heard }
  }
  return { s, model, memory, talk }
}
