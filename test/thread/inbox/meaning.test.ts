import { describe, expect, test } from "vitest"
import { isStop, type ParsedMessage, readWords } from "../../../src/thread/inbox/meaning.ts"

const read = (text: string, over: Partial<ParsedMessage> = {}) => readWords({ channel: "web", text, ...over })
const meant = (text: string, over: Partial<ParsedMessage> = {}) => read(text, over).meaning
const SMS = { channel: "sms", carrier: { by: "phone" } } as const
const WHATSAPP = { channel: "sms", carrier: { by: "whatsapp" } } as const

describe("a text that begins with a slash and a word", () => {
  test.each(["/help", " /new", "/MODEL gpt", "/forget 12", "/help@vigil_bot", "/stop\nnow", "/unknown", "/set_zone2"])(
    "is a command: %j",
    (text) => {
      expect(meant(text).kind).toBe("command")
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
    expect(meant(text)).toEqual({ kind: "words" })
  })

  test.each([
    ["/forget 12 13", "forget", "12 13"],
    [" /MODEL@vigil_bot  Big One ", "model", "Big One"],
    ["/new", "new", ""],
    ["/remember two\nlines", "remember", "two\nlines"],
  ])("%j has a name and a rest", (text, name, rest) => {
    expect(meant(text)).toEqual({ kind: "command", name, rest })
  })
})

describe("stop", () => {
  test.each(["/stop", " /STOP ", "/stop@vigil_bot", "/stop please"])("is said by %j", (text) => {
    expect(isStop(meant(text))).toBe(true)
  })

  test.each(["stop", "/stopwatch", "/stop-gap", "/stop/now", "please /stop", "/new"])("is not said by %j", (text) => {
    expect(isStop(meant(text))).toBe(false)
  })
})

describe("to a number", () => {
  test.each([
    ["STOP", "stop"],
    ["stopall", "stop"],
    ["Unsubscribe.", "stop"],
    ["cancel", "stop"],
    ["End", "stop"],
    ["quit", "stop"],
    ["REMOVE", "stop"],
    ["optout", "stop"],
    ["Arr\u00eat", "stop"],
    ["Start", "start"],
    ["YES", "start"],
    ["unstop", "start"],
    ["help", "help"],
    ["INFO", "help"],
  ])("M2 the carrier takes %j for %s, and so do we", (text, keyword) => {
    expect(meant(text, SMS)).toEqual({ kind: "keyword", keyword })
  })

  test.each(["stop the deploy", "yes please", "K7 OK", "ok", ""])("it leaves %j to us", (text) => {
    expect(meant(text, SMS).kind).not.toBe("keyword")
  })

  test("M2 what the provider says that the carrier took counts before the words", () => {
    expect(meant("baja", { channel: "sms", carrier: { by: "phone", took: "stop" } })).toEqual({
      kind: "keyword",
      keyword: "stop",
    })
  })

  test.each([
    ["MORE", "more"],
    [" more! ", "more"],
    ["?", "help"],
    ["Commands", "help"],
  ])("%j is a command without a slash", (text, name) => {
    expect(read(text, SMS)).toEqual({
      meaning: { kind: "command", name, rest: "" },
      words: `/${name}`,
      text: `/${name}`,
    })
  })

  test.each(["MORE", "?", "STOP", "HELP"])("and %j is words everywhere else", (text) => {
    expect((["web", "telegram", "email"] as const).map((channel) => meant(text, { channel }))).toEqual(
      Array(3).fill({ kind: "words" }),
    )
  })

  test("a longer sentence is words", () => {
    expect(meant("more coffee", SMS)).toEqual({ kind: "words" })
  })
})

test.each([
  ["STOP", { kind: "keyword", keyword: "stop" }],
  ["start", { kind: "keyword", keyword: "start" }],
  ["YES", { kind: "words" }],
  ["HELP", { kind: "words" }],
  ["INFO", { kind: "words" }],
  ["stop the deploy", { kind: "words" }],
  ["?", { kind: "command", name: "help", rest: "" }],
])("on WhatsApp, where there is no carrier, %j means %j", (text, meaning) => {
  expect(meant(text, WHATSAPP)).toEqual(meaning)
})

describe("an answer", () => {
  test("is read on every channel", () => {
    const answer = { kind: "approval", answer: { code: "K7", verdict: "yes" } }
    expect([meant("K7 YES"), meant("K7 YES", SMS), meant("K7 YES", WHATSAPP)]).toEqual([answer, answer, answer])
  })

  test("M3 by SMS is none where the carrier takes the word for itself, elsewhere YES is one", () => {
    const by = (text: string) => meant(text, { channel: "sms" })
    expect([by("YES"), by("Yes."), by("STOP")]).toEqual(Array(3).fill({ kind: "words" }))
    expect(meant("YES")).toEqual({ kind: "approval", answer: { verdict: "yes" } })
  })

  test("M2 with a slash is a command", () => {
    expect(meant("/approve K7")).toEqual({ kind: "command", name: "approve", rest: "K7" })
  })

  test("with a picture keeps the note about it", () => {
    const attachments = [{ kind: "image" as const }]
    expect(read("K7 edit: like this", { attachments }).meaning).toEqual({
      kind: "approval",
      answer: { code: "K7", verdict: "change", words: "like this\n[image]" },
    })
    expect(meant("OK", { attachments })).toEqual({ kind: "words" })
  })
})

describe("files", () => {
  const attachments = [{ kind: "image" as const }]

  test("stand in the text after the words", () => {
    expect(read("look", { attachments })).toEqual({ meaning: { kind: "words" }, words: "look", text: "look\n[image]" })
  })

  test("leave a command alone", () => {
    expect(read("/status", { attachments }).text).toBe("/status")
  })
})

describe("M4 a heading", () => {
  const mail = (words: string, note = "") =>
    read(`hello\n\n${words}${note}`, { channel: "email", alone: { words, text: words + note } })

  test.each(["k7 ok", "/status now", "ABCD3467", "OK", "edit K7: to Ben"])("does not stand before %j", (words) => {
    expect(mail(words).words).toBe(words)
  })

  test.each(["how are you?", "K7 tell Ben instead"])("stands before %j", (words) => {
    expect(mail(words)).toMatchObject({ meaning: { kind: "words" }, text: `hello\n\n${words}` })
  })

  test("is left out by what the person wrote, not by our note below it", () => {
    expect(mail("/status", "\n[cut]").words).toBe("/status\n[cut]")
    expect(mail("hello there", "\n[cut]").words).toBe("hello\n\nhello there\n[cut]")
  })

  test("alone can be a command or an answer", () => {
    expect(meant("/status", { channel: "email", alone: { words: "", text: "" } })).toMatchObject({ name: "status" })
  })
})
