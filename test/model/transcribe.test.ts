/** Recordings become words at a stand-in and at a mock of the real API. Their price is known, or null. */
import { LLMock } from "@copilotkit/aimock"
import { expect, onTestFinished, test } from "vitest"
import type { RemoteEndpoint } from "../../src/model/servers/endpoint.ts"
import { createTranscriber } from "../../src/model/transcribe.ts"
import { ogg } from "../support/files.ts"
import { type Answer, startStandIn } from "../support/stand-in.ts"
import { endpoint, refusal } from "./stand-in.ts"

const recording = { bytes: ogg(), type: "audio/ogg" }

async function earAt(answer: Answer | (() => Promise<Answer>), more: Partial<RemoteEndpoint> = {}) {
  const server = await startStandIn(() => (typeof answer === "function" ? answer() : answer))
  onTestFinished(server.stop)
  const ear = await createTranscriber(endpoint(server.url, more), { limits: { maxRetries: 0, timeoutMs: 1000 } })
  if (!ear) throw new Error("there is no transcriber")
  return { ear, asked: server.asked }
}
const said = (more: object = {}): Answer => ({ status: 200, body: { text: " Hello there. ", ...more } })

test("without an endpoint there is no transcriber", async () => {
  expect(await createTranscriber(undefined)).toBeUndefined()
})

test("a request has the file, the model and a file name that shows the format, and its answer is the words", async () => {
  const { ear, asked } = await earAt(said(), { model: "whisper-1" })
  expect(await ear.transcribe(recording)).toMatchObject({ text: "Hello there.", model: "whisper-1" })
  expect(asked[0]?.url.pathname).toBe("/v1/audio/transcriptions")
  expect(asked[0]?.headers.authorization).toBe("Bearer test-key")
  expect(asked[0]?.body).toMatch(/name="model"\r\n\r\nwhisper-1/)
  expect(asked[0]?.body).toMatch(/filename="recording\.ogg"\r\nContent-Type: audio\/ogg/)
})

test("works against a mock of the real API", async () => {
  const mock = new LLMock({ port: 0, host: "127.0.0.1", logLevel: "silent" })
  mock.onTranscription({ transcription: { text: "buy milk" } })
  await mock.start()
  onTestFinished(() => mock.stop())
  const ear = await createTranscriber(endpoint(mock.url, { provider: "openai", model: "gpt-4o-mini-transcribe" }))
  expect(await ear?.transcribe(recording)).toMatchObject({ text: "buy milk" })
})

const tokens = { type: "tokens", input_tokens: 1000, output_tokens: 100, input_token_details: { audio_tokens: 1000 } }
test.each([
  [
    "by the minute that the server counted",
    "openai",
    "whisper-1",
    { usage: { type: "duration", seconds: 60 } },
    {},
    0.006,
  ],
  ["by the minute that the sender's program told", "openai", "whisper-1", {}, { seconds: 30 }, 0.003],
  ["by the token", "openai", "gpt-4o-mini-transcribe", { usage: tokens }, {}, 0.0035],
  ["not at all where nobody said what it took", "openai", "whisper-1", {}, {}, null],
  ["not at all for a model that no list knows", "openai", "hears-9", { usage: tokens }, { seconds: 30 }, null],
  ["as nothing on one's own machine", "ollama", "whisper", {}, {}, 0],
])("a recording is priced %s", async (_, provider, model, usage, length, cost) => {
  const { ear } = await earAt(said(usage), { provider, model })
  const told = await ear.transcribe({ ...recording, ...length })
  if (cost === null) expect(told.cost).toBeNull()
  else expect(told.cost).toBeCloseTo(cost)
})

test("the highest cost of a recording is estimated from its length or its size", async () => {
  const { ear } = await earAt(said(), { provider: "openai", model: "whisper-1" })
  expect(ear.estimate({ size: 1, seconds: 60 })).toBeCloseTo(0.006)
  expect(ear.estimate({ size: 36_000 })).toBeCloseTo(0.006)
  const byToken = await earAt(said({ usage: tokens }), { provider: "openai", model: "gpt-4o-mini-transcribe" })
  const told = await byToken.ear.transcribe({ ...recording, seconds: 60 })
  expect(byToken.ear.estimate({ size: 1, seconds: 60 })).toBeGreaterThan(told.cost ?? 1)
  expect((await earAt(said(), { model: "hears-9" })).ear.estimate({ size: 1 })).toBeNull()
})

test.each([
  ["has no such thing", refusal(404, { message: "not found" }), { name: "Reject" }],
  ["will not take it", refusal(400, { message: "Audio file might be corrupted" }), { name: "Reject" }],
  ["is busy", refusal(503, {}), { name: "Retry" }],
  ["answers something else", { status: 200, body: { words: 1 } }, { name: "Retry", code: "bad_answer" }],
])("an endpoint that %s throws its own kind of error", async (_, answer, error) => {
  const { ear } = await earAt(answer)
  await expect(ear.transcribe(recording)).rejects.toMatchObject(error)
})

test("a request to an endpoint that hangs ends with the caller's own reason", async () => {
  const gate = Promise.withResolvers<void>()
  const { ear, asked } = await earAt(() => gate.promise.then(() => said()))
  const stop = new AbortController()
  const hearing = ear.transcribe(recording, stop.signal)
  await expect.poll(() => asked.length).toBe(1)
  stop.abort(new Error("enough"))
  await expect(hearing).rejects.toThrow("enough")
  gate.resolve()
})
