/** Mastra: an agent with its memory (threads and messages) in Postgres. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { Mastra } from "@mastra/core"
import { Agent } from "@mastra/core/agent"
import { createTool } from "@mastra/core/tools"
import { Memory } from "@mastra/memory"
import { PostgresStore } from "@mastra/pg"
import { z } from "zod"
import { measure, settings } from "./measure.js"

const storage = new PostgresStore({ id: "bench", connectionString: settings.databaseUrl })
const note = createTool({
  id: "note",
  description: "Notes a text.",
  inputSchema: z.object({ text: z.string() }),
  execute: async ({ text }) => ({ noted: text }),
})
const agent = new Agent({
  id: "bench",
  name: "bench",
  instructions: "You are a helper.",
  model: createOpenAICompatible({ name: "stand-in", baseURL: settings.modelUrl, apiKey: "none" })("instant"),
  tools: { note },
  memory: new Memory({ storage }),
})
new Mastra({ agents: { bench: agent }, storage, logger: false })

await measure(async (words, thread) => {
  const result = await agent.generate(words, { memory: { thread, resource: "owner" }, maxSteps: 5 })
  return result.text
})
process.exit(0)
