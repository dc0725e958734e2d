/** A person talks to it on the web, with rules alone, with a model, and while the model is away. */
import { afterEach, expect, onTestFinished, test } from "vitest"
import { chatReply, standIn } from "../model/stand-in.ts"
import { toolCall } from "../support/chat-model.ts"
import { type Product, type ProductOptions, runningClock, startProduct } from "../support/product.ts"
import { type Answer, startStandIn } from "../support/stand-in.ts"

let product: Product | undefined

afterEach(async () => {
  await product?.stop()
  product = undefined
})

async function started(options: ProductOptions = {}): Promise<Product> {
  product = await startProduct(options)
  return product
}

interface Trace {
  state: string
  model: string | null
  attempts: number
  inputTokens: number
  steps: { kind: string; name: string; state: string; inputTokens: number | null; result: unknown }[]
  context: { sections: { name: string; tokens: number }[]; recalled: { text: string; score: number }[] }
  replies: { text: string; state: string }[]
}

const traceOf = (at: Product, run: string | null) => at.api<Trace>(`/api/v1/runs/${run}`)

test("without any key it remembers a birthday and gives it back as a quotation", async () => {
  const { say } = await started()
  const told = await say("remember that my sister's birthday is 3 May")
  expect(told.reply).toContain("my sister's birthday is 3 May")
  const asked = await say("when is my sister's birthday?")
  expect(asked.reply).toMatch(/^You told me .*"my sister's birthday is 3 May"/)
  expect(asked.run).not.toBe(told.run)
})

test("without any key it says that it did not understand, instead of making something up", async () => {
  const { say } = await started()
  expect((await say("write me a poem about the sea")).reply).toMatch(/offline mode and did not understand/)
})

test("with a model it remembers and recalls by tool calls, and the trace shows what was put before the model", async () => {
  const script: Answer[] = [
    chatReply({
      content: null,
      tool_calls: [toolCall("c1", "remember", '{"text":"The sister of the person has her birthday on 3 May"}')],
    }),
    chatReply({ content: "Noted: 3 May." }),
    chatReply({ content: null, tool_calls: [toolCall("c2", "recall", '{"query":"sister birthday"}')] }),
    chatReply({ content: "It is on 3 May." }),
  ]
  const server = await standIn(script)
  const at = await started({ env: { OPENAI_BASE_URL: `${server.origin}/v1`, VIGIL_MODEL: "some-model" } })
  expect((await at.say("remember that my sister's birthday is 3 May")).reply).toBe("Noted: 3 May.")
  const asked = await at.say("when is my sister's birthday?")
  expect(asked.reply).toBe("It is on 3 May.")

  const trace = await traceOf(at, asked.run)
  expect(trace).toMatchObject({ state: "done", inputTokens: 200 })
  expect(trace.steps.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
    "note context",
    "model reply",
    "tool recall",
    "model reply",
  ])
  expect(trace.steps.every((step) => step.state === "done")).toBe(true)
  expect(trace.steps[1]?.inputTokens).toBe(100)
  expect(trace.steps[2]?.result).toMatchObject({ ok: true, memories: [{ text: expect.stringContaining("3 May") }] })
  expect(trace.context.sections.map((section) => section.name)).toEqual([
    "tools",
    "rules",
    "profile",
    "history",
    "messages",
    "now and memories",
  ])
  expect(trace.context.sections.filter((section) => section.tokens > 0).map((section) => section.name)).toContain(
    "history",
  )
  expect(trace.context.recalled).toMatchObject([{ text: expect.stringContaining("3 May"), score: expect.any(Number) }])
  expect(trace.replies).toMatchObject([{ text: "It is on 3 May.", state: "sent" }])
  const last = JSON.stringify(server.heard().at(-1)?.body)
  expect(last).toContain("Memories that may matter")
})

test("a model that is away is tried again, then its fallback answers; with both away the person is told, and /retry works", async () => {
  const down = new Set<string>()
  const asked: string[] = []
  const server = await startStandIn(({ body }) => {
    const { model } = JSON.parse(body) as { model: string }
    asked.push(model)
    if (!down.has(model)) return chatReply({ content: `${model} here` })
    return { status: 503, headers: { "retry-after-ms": "20" }, body: { error: { message: "overloaded" } } }
  })
  onTestFinished(server.stop)
  const clock = runningClock()
  const env = { OPENAI_BASE_URL: `${server.url}/v1`, VIGIL_MODEL: "first", VIGIL_FALLBACK_MODELS: "second" }
  const at = await started({ clock, env })

  down.add("first")
  const answered = await at.say("are you well?")
  expect(answered.reply).toBe("second here")
  expect(asked).toEqual(["first", "first", "second"])

  down.add("second")
  const failed = await at.say("and now?")
  expect(failed.reply).toMatch(/^I could not answer that: .*first.*second.*Nothing is lost; reply \/retry/)
  expect(await traceOf(at, failed.run)).toMatchObject({ state: "failed" })
  expect(asked.filter((model) => model === "second").length).toBe(7)

  down.clear()
  clock.pass(31_000)
  expect((await at.say("/retry")).reply).toBe("Trying again: 1 message.")
  await expect.poll(async () => (await traceOf(at, failed.run)).state, { timeout: 60_000 }).toBe("done")
  expect((await traceOf(at, failed.run)).replies.map((reply) => reply.text).at(-1)).toBe("first here")
})
