/**
 * A model that takes no time, in OpenAI's chat dialect: "ping" is answered at once, "three steps" after three tool calls,
 * one at a time. The same for every peer, and in its own process.
 */
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"

const STEPS = 3

/** The tool of the peers, or Vigil's own that takes the same argument. */
function toolOf(tools = []) {
  const names = tools.map((tool) => tool.function.name)
  return ["note", "remember"].find((name) => names.includes(name)) ?? "note"
}

/** The messages since the person's last words decide what comes next. */
function answerTo({ messages, tools }) {
  const asked = messages.findLastIndex((message) => message.role === "user")
  const words = JSON.stringify(messages[asked]?.content ?? "")
  const done = messages.slice(asked).filter((message) => message.role === "tool").length
  if (!words.includes("three steps")) return { role: "assistant", content: "pong" }
  if (done >= STEPS) return { role: "assistant", content: "three steps are done" }
  const call = {
    id: `call_${done + 1}`,
    type: "function",
    function: { name: toolOf(tools), arguments: `{"text":"step ${done + 1}"}` },
  }
  return { role: "assistant", content: null, tool_calls: [call] }
}

const usage = { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 }

function completion(request) {
  const message = answerTo(request)
  const finish_reason = message.tool_calls ? "tool_calls" : "stop"
  return {
    id: randomUUID(),
    object: "chat.completion",
    created: 1,
    model: request.model,
    choices: [{ index: 0, message, finish_reason }],
    usage,
  }
}

function chunks(request) {
  const { choices, ...rest } = completion(request)
  const [{ message, finish_reason }] = choices
  const delta = {
    ...message,
    ...(message.tool_calls ? { tool_calls: message.tool_calls.map((call, index) => ({ index, ...call })) } : {}),
  }
  const chunk = (more) =>
    `data: ${JSON.stringify({ ...rest, object: "chat.completion.chunk", usage: null, ...more })}\n\n`
  return `${chunk({ choices: [{ index: 0, delta, finish_reason: null }] })}${chunk({ choices: [{ index: 0, delta: {}, finish_reason }] })}${chunk({ choices: [], usage })}data: [DONE]\n\n`
}

const server = createServer(async (request, response) => {
  let body = ""
  for await (const chunk of request) body += chunk
  const asked = JSON.parse(body || "{}")
  if (asked.stream) response.writeHead(200, { "content-type": "text/event-stream" }).end(chunks(asked))
  else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(completion(asked)))
})
server.listen(0, "127.0.0.1", () => process.send?.({ url: `http://127.0.0.1:${server.address().port}/v1` }))
