/** Turn: answers a person's messages: context, loop, reply. Durable because all it does goes through numbered steps. */
import { z } from "zod"
import type { Grant } from "../../policy/verdict.ts"
import { messagePayload } from "../../thread/inbox/event.ts"
import type { Tool } from "../../tools/tool.ts"
import type { Handler, RunContext } from "../durable/run-context.ts"
import type { Attachments, InboxMessage, UserMessage } from "./attachments.ts"
import { buildContext, type Context, type ContextDeps } from "./context.ts"
import { type LoopEnd, loop } from "./loop.ts"

/** Tokens of one answer. */
const MAX_OUTPUT = 1500

export interface TurnDeps extends ContextDeps {
  tools: ReadonlyMap<string, Tool>
  /** Looks at what comes with messages; without it the note that something came is all there is. */
  perception?: Attachments
}

/** Context, loop, and the words of the answer; empty when there is nothing to say. */
export type AnswerPerson = (
  context: RunContext,
  said: readonly (string | InboxMessage)[],
  grants: Grant[] | null,
) => Promise<{ text: string; model: string | null }>

export function createAnswer(deps: TurnDeps): AnswerPerson {
  const specs = [...deps.tools.values()]
    .map((tool) => ({ name: tool.name, description: tool.description, parameters: schemaOf(tool) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const tools = { name: "tools", tokens: deps.tokens(JSON.stringify(specs)) }

  const { perceive, show } = deps.perception ?? wordsOnly
  return async (context, said, grants) => {
    const heard: UserMessage[] = []
    for (const one of said)
      heard.push(typeof one === "string" ? { role: "user", text: one } : await perceive(context, one))
    const prompt = await context.steps.note<Context>("context", async () => {
      const built = await buildContext(deps, context, heard)
      return { ...built, sections: [tools, ...built.sections] }
    })
    context.steps.taint(prompt.label)
    const act = context.actWith(grants)
    const { system, volatile } = prompt
    const fixed = { system, volatile, tools: specs, maxOutput: MAX_OUTPUT, cacheKey: context.thread.id }
    const request = context.thread.model ? { ...fixed, model: context.thread.model } : fixed
    let model: string | null = null
    // Time at work, not since the run began: it may have waited for a person, or failed and been tried again since.
    const began = context.ticks()
    const end = await loop(prompt.messages, {
      async ask(messages) {
        const result = await context.steps.model("reply", { ...request, messages: await show(messages) })
        model = result.model
        return result
      },
      call: async (call) => JSON.stringify(await act(call.name, argumentsOf(call.arguments))),
      async steer() {
        const more: UserMessage[] = []
        for (const { text, id, payload } of await context.steps.steer())
          more.push(await perceive(context, id === undefined ? { payload: { text } } : { id, payload }))
        return more
      },
      elapsed: () => context.ticks() - began,
    })
    return { text: textOf(end), model }
  }
}

export function createTurn(answer: AnswerPerson): Handler {
  return {
    takesMore: true,
    async run(context) {
      const { text, model } = await answer(context, context.run.events, null)
      return {
        model,
        posts: text ? [{ threadId: context.thread.id, dedupeKey: `run:${context.run.id}:reply`, text }] : [],
      }
    },
  }
}

const wordsOnly: Attachments = {
  perceive: async (_job, { payload }) => ({ role: "user", text: messagePayload.parse(payload).text }),
  show: async (messages) => [...messages],
}

/** Malformed JSON goes to the tool as the text it is: the schema refuses it, and the model reads why. */
function argumentsOf(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text)
  } catch {
    return text
  }
}

function textOf(end: LoopEnd): string {
  if (end.end === "answer") return end.text
  const why = {
    steps: "I took too many steps",
    tool_calls: "I used too many tools",
    wall: "it took too long",
    same_call: "I kept repeating myself",
  }[end.which]
  return `I stopped before I was done: ${why}. Say "go on" if I should continue.`
}

function schemaOf(tool: Tool): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(tool.input)
  return schema
}
