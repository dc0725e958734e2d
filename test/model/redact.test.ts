import { expect, test } from "vitest"
import type { ModelRequest } from "../../src/model/model.ts"
import { redactModel, redactTranscriber } from "../../src/model/redact.ts"
import { createScrubber } from "../../src/vault/scrubber.ts"
import { scriptedModel } from "../support/spine.ts"

const SECRET = "s3cr3t/with+signs=1"
const scrubber = createScrubber()
scrubber.add("KEY", SECRET)
const scrub = (text: string) => scrubber.scrub(text)

const request: ModelRequest = {
  system: `rules ${SECRET}`,
  volatile: `now ${SECRET}`,
  messages: [
    { role: "user", text: `my key is ${SECRET}` },
    {
      role: "assistant",
      text: SECRET,
      toolCalls: [{ id: "1", name: "note", arguments: JSON.stringify({ text: SECRET }) }],
    },
    { role: "tool", callId: "1", name: "note", text: `refused ${Buffer.from(SECRET).toString("base64")}` },
  ],
  tools: [],
  maxOutput: 10,
}

test("no part of a request shows a secret to the model", async () => {
  const model = scriptedModel(["fine"])
  expect(await redactModel(model, scrub).ask(request)).toMatchObject({ text: "fine" })
  const asked = JSON.stringify(model.asked)
  expect(asked).not.toContain(SECRET)
  expect(asked).not.toContain(Buffer.from(SECRET).toString("base64"))
  expect(asked.match(/\[secret KEY\]/g)).toHaveLength(6)
})

test("the text of a file and the words of a recording are cleaned like a message", async () => {
  const model = scriptedModel(["fine"])
  const attached = [{ what: "file a.txt", content: `key = ${SECRET}` }, { what: "image" }]
  await redactModel(model, scrub).ask({ ...request, messages: [{ role: "user", text: "look", attached }] })
  expect(model.asked).toMatchObject([
    { messages: [{ attached: [{ what: "file a.txt", content: "key = [secret KEY]" }, { what: "image" }] }] },
  ])
  const usage = { input: 0, cached: 0, output: 0 }
  const told = { text: `it is ${SECRET}`, usage, cost: null, provider: "t", model: "t" }
  const ear = redactTranscriber({ model: "t", transcribe: async () => told, estimate: () => null }, scrub)
  expect((await ear.transcribe({ bytes: new Uint8Array(), type: "audio/ogg" })).text).toBe("it is [secret KEY]")
})

test("no answer contains a secret, and neither do the arguments of its calls", async () => {
  const model = scriptedModel([{ call: "note", args: { text: SECRET } }])
  const { toolCalls } = await redactModel(model, scrub).ask(request)
  expect(JSON.parse(toolCalls[0]?.arguments ?? "")).toEqual({ text: "[secret KEY]" })
})
