import { describe, expect, test } from "vitest"
import { commandOf, duePayload, isStop, kindOfText, messagePayload } from "../../../src/thread/inbox/event.ts"

describe("a text that begins with a slash and a word", () => {
  test.each(["/help", " /new", "/MODEL gpt", "/forget 12", "/help@vigil_bot", "/stop\nnow", "/unknown", "/set_zone2"])(
    "is a command: %j",
    (text) => {
      expect(kindOfText(text)).toBe("command")
    },
  )

  test.each([
    "/usr/bin/env is gone",
    "/new-thing",
    "/new.md",
    "/stop/now",
    "help",
    "what does /help do?",
    "/",
    "/ help",
    "//comment",
    "/42",
    "",
    "1/2",
  ])("and no other: %j", (text) => {
    expect(kindOfText(text)).toBe("message")
  })
})

test.each([
  ["/forget 12 13", { name: "forget", rest: "12 13" }],
  [" /MODEL@vigil_bot  Big One ", { name: "model", rest: "Big One" }],
  ["/new", { name: "new", rest: "" }],
  ["/remember two\nlines", { name: "remember", rest: "two\nlines" }],
  ["new", null],
])("%j is read as %j", (text, command) => {
  expect(commandOf(text)).toEqual(command)
})

describe("stop", () => {
  test.each(["/stop", " /STOP ", "/stop@vigil_bot", "/stop please"])("is said by %j", (text) => {
    expect(isStop(text)).toBe(true)
  })

  test.each(["stop", "/stopwatch", "/stop-gap", "/stop/now", "please /stop", "/new"])("is not said by %j", (text) => {
    expect(isStop(text)).toBe(false)
  })
})

test.each([
  ["a message without text", messagePayload, {}],
  ["a message whose text is none", messagePayload, { text: 5 }],
  ["an instant without its automation", duePayload, { dueAt: "2026-11-22T12:00:00Z", lateMs: 0, action: {} }],
])("%s is refused", (_what, schema, payload) => {
  expect(schema.safeParse(payload).success).toBe(false)
})
