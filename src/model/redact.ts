/**
 * Discreet: a model that is never shown a live secret and whose words never carry one on. What comes back is cleaned before
 * anyone acts on it, so that a run goes on from its journal with the same words.
 */
import type { Message, Model, ModelResult, Transcriber } from "./model.ts"

export function redactModel(model: Model, scrub: (text: string) => string): Model {
  return {
    ...model,
    async ask(request) {
      const { system, volatile, messages } = request
      const result = await model.ask({
        ...request,
        system: scrub(system),
        ...(volatile === undefined ? {} : { volatile: scrub(volatile) }),
        messages: messages.map((message) => clean(message, scrub)),
      })
      return said(result, scrub)
    },
  }
}

/** The same for what is heard in a recording. */
export function redactTranscriber(transcriber: Transcriber, scrub: (text: string) => string): Transcriber {
  return {
    ...transcriber,
    async transcribe(recording, signal) {
      const told = await transcriber.transcribe(recording, signal)
      return { ...told, text: scrub(told.text) }
    },
  }
}

function clean(message: Message, scrub: (text: string) => string): Message {
  if (message.role === "user" && message.attached) {
    const attached = message.attached.map(({ content, ...one }) =>
      content === undefined ? one : { ...one, content: scrub(content) },
    )
    return { ...message, text: scrub(message.text), attached }
  }
  if (message.role !== "assistant") return { ...message, text: scrub(message.text) }
  const toolCalls = message.toolCalls.map((call) => ({ ...call, arguments: scrub(call.arguments) }))
  return { ...message, text: message.text === null ? null : scrub(message.text), toolCalls }
}

/** JSON without secrets is JSON still, so the whole result may go through as text. */
function said(result: ModelResult, scrub: (text: string) => string): ModelResult {
  const text = JSON.stringify(result)
  const cleaned = scrub(text)
  return cleaned === text ? result : (JSON.parse(cleaned) as ModelResult)
}
