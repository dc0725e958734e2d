/** DBOS: the same turn as a workflow, each model call, tool call and the reply a step of it. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import OpenAI from "openai"
import { measure, settings } from "./measure.js"

const client = new OpenAI({ baseURL: settings.modelUrl, apiKey: "none", maxRetries: 0 })
const tools = [
  {
    type: "function",
    function: {
      name: "note",
      description: "Notes a text.",
      parameters: { type: "object", properties: { text: { type: "string" } } },
    },
  },
]

async function turn(words) {
  const messages = [{ role: "user", content: words }]
  for (;;) {
    const asked = [...messages]
    const answer = await DBOS.runStep(
      () => client.chat.completions.create({ model: "instant", messages: asked, tools }),
      { name: "model" },
    )
    const message = answer.choices[0].message
    messages.push(message)
    if (!message.tool_calls) return await DBOS.runStep(async () => message.content, { name: "reply" })
    for (const call of message.tool_calls) {
      const content = await DBOS.runStep(async () => `noted ${JSON.parse(call.function.arguments).text}`, {
        name: "note",
      })
      messages.push({ role: "tool", tool_call_id: call.id, content })
    }
  }
}

const workflow = DBOS.registerWorkflow(turn, { name: "turn" })
DBOS.setConfig({
  name: "vigil-bench",
  systemDatabaseUrl: settings.databaseUrl,
  logLevel: "error",
  runAdminServer: false,
})
await DBOS.launch()
await measure(async (words, thread) => {
  const handle = await DBOS.startWorkflow(workflow, { workflowID: thread })(words)
  return handle.getResult()
})
process.exit(0)
