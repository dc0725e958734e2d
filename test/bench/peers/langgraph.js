/** LangGraph.js: a model node and a tool node with the Postgres checkpointer, durability "sync": each step is stored before the next. */
import { tool } from "@langchain/core/tools"
import { MessagesAnnotation, START, StateGraph } from "@langchain/langgraph"
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt"
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres"
import { ChatOpenAI } from "@langchain/openai"
import { z } from "zod"
import { measure, settings } from "./measure.js"

const checkpointer = PostgresSaver.fromConnString(settings.databaseUrl)
await checkpointer.setup()
const note = tool(({ text }) => `noted ${text}`, {
  name: "note",
  description: "Notes a text.",
  schema: z.object({ text: z.string() }),
})
const model = new ChatOpenAI({
  model: "instant",
  apiKey: "none",
  maxRetries: 0,
  configuration: { baseURL: settings.modelUrl },
}).bindTools([note])
const agent = new StateGraph(MessagesAnnotation)
  .addNode("model", async ({ messages }) => ({ messages: [await model.invoke(messages)] }))
  .addNode("tools", new ToolNode([note]))
  .addEdge(START, "model")
  .addConditionalEdges("model", toolsCondition)
  .addEdge("tools", "model")
  .compile({ checkpointer })

await measure(async (words, thread) => {
  const state = await agent.invoke(
    { messages: [{ role: "user", content: words }] },
    { configurable: { thread_id: thread }, durability: "sync" },
  )
  return state.messages.at(-1)?.content
})
process.exit(0)
