/**
 * Redact: wraps a model so that no request and no answer contains a live secret. The answer is cleaned before
 * anything uses or records it, so that a run which starts again continues with the same words.
 */
import type { Message, Model, ModelResult, Transcriber } from "./model.ts"

/** A model that sees and returns only text that `scrub` has cleaned. */
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
      return cleanResult(result, scrub)
    },
  }
}

/** The same for a transcriber: no transcript contains a live secret. */
export function redactTranscriber(transcriber: Transcriber, scrub: (text: string) => string): Transcriber {
  return {
    ...transcriber,
    async transcribe(recording, signal) {
      const transcript = await transcriber.transcribe(recording, signal)
      return { ...transcript, text: scrub(transcript.text) }
    },
  }
}

function clean(message: Message, scrub: (text: string) => string): Message {
  if (message.role === "user" && message.attached) {
    const attached = message.attached.map(({ content, ...file }) =>
      content === undefined ? file : { ...file, content: scrub(content) },
    )
    return { ...message, text: scrub(message.text), attached }
  }
  if (message.role !== "assistant") return { ...message, text: scrub(message.text) }
  const toolCalls = message.toolCalls.map((call) => ({ ...call, arguments: scrub(call.arguments) }))
  return { ...message, text: message.text === null ? null : scrub(message.text), toolCalls }
}

/**
 * Cleans the result as one JSON text, tool arguments included. The scrubber keeps JSON valid, so the text can be parsed
 * again.
 */
function cleanResult(result: ModelResult, scrub: (text: string) => string): ModelResult {
  const text = JSON.stringify(result)
  const cleaned = scrub(text)
  return cleaned === text ? result : (JSON.parse(cleaned) as ModelResult)
}
