import { expect, test } from "vitest"
import { duePayload, messagePayload, readMessage } from "../../../src/thread/inbox/event.ts"

test.each([
  ["a message without text", messagePayload, {}],
  ["a message whose text is none", messagePayload, { text: 5 }],
  ["an instant without its automation", duePayload, { dueAt: "2026-11-22T12:00:00Z", lateMs: 0, action: {} }],
])("%s is refused", (_what, schema, payload) => {
  expect(schema.safeParse(payload).success).toBe(false)
})

test("a row from before meanings were kept means what its words say", () => {
  expect(readMessage({ text: "/forget 12" }).meaning).toEqual({ kind: "command", name: "forget", rest: "12" })
  expect(readMessage({ text: "/more" }).meaning).toEqual({ kind: "command", name: "more", rest: "" })
})

test("a row means what was read when it came in, whatever its words are by now", () => {
  const meaning = { kind: "command", name: "stop", rest: "" }
  expect(readMessage({ text: "/status", meaning }).meaning).toEqual(meaning)
})
