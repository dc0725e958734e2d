import { describe, expect, test } from "vitest"
import { parseUpdate, readChatTarget } from "../../../src/channels/telegram/parse.ts"
import { isFromTelegram } from "../../../src/channels/telegram/verify.ts"

const bot = { id: 666, username: "vigil_bot" }
const from = { id: 42, is_bot: false, first_name: "Ana" }
const direct = { message_id: 5, date: 1_700_000_000, chat: { id: 42, type: "private" }, from, text: "hi" }
const group = { ...direct, chat: { id: -100123, type: "supergroup" } }
const parse = (message: object) => parseUpdate({ update_id: 9, message }, bot)

describe("a message for us", () => {
  test("a direct message names its sender, its conversation and its target", () => {
    expect(parse(direct)).toEqual([
      {
        channel: "telegram",
        source: "telegram:666",
        externalId: "9",
        address: "42",
        threadKey: "telegram:666:42",
        target: "42",
        text: "hi",
        ref: "5",
        sentAt: new Date(1_700_000_000_000),
      },
    ])
  })

  test("an edit names the message whose words it replaces", () => {
    const [inbound] = parseUpdate({ update_id: 11, edited_message: { ...direct, text: "hello" } }, bot)
    expect(inbound).toMatchObject({ externalId: "11", edits: "5", text: "hello", address: "42" })
    expect(inbound).not.toHaveProperty("ref")
    expect(parseUpdate({ update_id: 12, edited_message: group }, bot)).toEqual([])
  })

  test("a forum topic is a conversation of its own", () => {
    const [inbound] = parse({
      ...group,
      text: "/status",
      entities: [{ type: "bot_command", offset: 0, length: 7 }],
      is_topic_message: true,
      message_thread_id: 7,
    })
    expect([inbound?.threadKey, inbound?.target]).toEqual(["telegram:666:-100123:7", "-100123:7"])
    expect(readChatTarget("-100123:7")).toEqual({ chat: -100123, topic: 7 })
  })

  test("an answer to someone in a plain group is not a topic", () => {
    const [inbound] = parse({ ...group, message_thread_id: 7, reply_to_message: { from: { id: 666 } } })
    expect(inbound?.threadKey).toBe("telegram:666:-100123")
  })

  describe("attachments", () => {
    const came = (more: object) => parse({ ...direct, text: undefined, ...more })[0]

    test("a caption counts as text, and the largest size of a photo that a model needs is taken", () => {
      const sizes = [
        { file_id: "s", width: 90, height: 60 },
        { file_id: "m", width: 1280, height: 900, file_size: 90_000 },
        { file_id: "l", width: 2560, height: 1800 },
      ]
      expect(came({ caption: "the bill", photo: sizes })).toMatchObject({
        text: "the bill",
        attachments: [{ kind: "image", ref: "m", type: "image/jpeg", size: 90_000 }],
      })
    })

    test.each([
      [
        { voice: { file_id: "v", duration: 3, mime_type: "audio/ogg; codecs=opus" } },
        { kind: "voice", ref: "v", type: "audio/ogg", seconds: 3 },
      ],
      [
        { audio: { file_id: "a", file_name: "song.mp3" } },
        { kind: "audio", ref: "a", type: "audio/mpeg", name: "song.mp3" },
      ],
      [{ video_note: { file_id: "n" } }, { kind: "video", ref: "n", type: "video/mp4" }],
      [{ document: { file_id: "d", mime_type: "image/png" } }, { kind: "image", ref: "d", type: "image/png" }],
      [{ document: { file_id: "d", mime_type: "not a type" } }, { kind: "file", ref: "d" }],
      [{ sticker: {} }, { kind: "other", name: "sticker" }],
      [
        { voice: { file_id: "v" }, forward_origin: { type: "user" } },
        { kind: "voice", ref: "v", type: "audio/ogg", forwarded: true },
      ],
    ])("%j is mentioned", (more, attachment) => {
      expect(came(more)).toMatchObject({ text: "", attachments: [attachment] })
    })

    test("a malformed file does not lose the words of its message", () => {
      expect(came({ caption: "the bill", photo: [{}] })).toMatchObject({
        text: "the bill",
        attachments: [{ kind: "other", name: "photo" }],
      })
      expect(came({ caption: "only words" })).not.toHaveProperty("attachments")
    })
  })

  test("a pressed button is a message with its reply, from the person who pressed it", () => {
    const callback_query = {
      id: "q1",
      from: { ...from, id: 43 },
      data: "K7 OK",
      message: { ...group, from: { id: 666, is_bot: true } },
    }
    expect(parseUpdate({ update_id: 10, callback_query }, bot)).toEqual([
      {
        channel: "telegram",
        source: "telegram:666",
        externalId: "10",
        address: "43",
        threadKey: "telegram:666:-100123",
        target: "-100123",
        text: "K7 OK",
        pressed: "q1",
      },
    ])
  })

  test.each([
    [
      "a mention of us",
      { text: "@Vigil_Bot: what is up", entities: [{ type: "mention", offset: 0, length: 10 }] },
      "what is up",
    ],
    [
      "a command for us",
      { text: "/status@vigil_bot now", entities: [{ type: "bot_command", offset: 0, length: 17 }] },
      "/status now",
    ],
    ["a command for anyone", { text: "/status", entities: [{ type: "bot_command", offset: 0, length: 7 }] }, "/status"],
    ["an answer to us", { text: "ok", reply_to_message: { from: { id: 666 } } }, "ok"],
    [
      "a mention without a name",
      { text: "you", entities: [{ type: "text_mention", offset: 0, length: 3, user: { id: 666 } }] },
      "you",
    ],
    [
      "a command for us in the middle",
      { text: "try /status@Vigil_bot", entities: [{ type: "bot_command", offset: 4, length: 17 }] },
      "try /status@Vigil_bot",
    ],
  ])("in a group, %s", (_, more, text) => {
    expect(parse({ ...group, ...more })[0]?.text).toBe(text)
  })
})

describe("a message that is not for us", () => {
  test.each([
    ["group talk", group],
    [
      "a command for another bot",
      { ...group, text: "/status@other_bot", entities: [{ type: "bot_command", offset: 0, length: 17 }] },
    ],
    [
      "a command for another bot in an answer to us",
      {
        ...group,
        text: "/status@other_bot",
        entities: [{ type: "bot_command", offset: 0, length: 17 }],
        reply_to_message: { from: { id: 666 } },
      },
    ],
    [
      "a command only spoken of",
      { ...group, text: "see /status", entities: [{ type: "bot_command", offset: 4, length: 7 }] },
    ],
    ["talk in a topic that we opened", { ...group, reply_to_message: { from: { id: 666 }, forum_topic_created: {} } }],
    ["a mention of another", { ...group, text: "@someone hi", entities: [{ type: "mention", offset: 0, length: 8 }] }],
    ["another bot", { ...direct, from: { ...from, is_bot: true } }],
    ["nobody", { ...direct, from: undefined }],
    ["a channel", { ...direct, chat: { id: -1, type: "channel" } }],
    ["a service message", { ...direct, text: undefined, pinned_message: {} }],
    ["a malformed message", { ...direct, chat: "x" }],
  ])("%s gives no message", (_, message) => {
    expect(parse(message)).toEqual([])
  })

  test("malformed updates and buttons in inline messages give no message", () => {
    for (const raw of [null, "x", [], {}, { update_id: 1, callback_query: { id: "1", from, data: "x" } }]) {
      expect(parseUpdate(raw, bot)).toEqual([])
    }
  })

  test("a button that a bot pressed gives no message", () => {
    const callback_query = { id: "q1", from: { id: 9, is_bot: true }, data: "K7 OK", message: direct }
    expect(parseUpdate({ update_id: 10, callback_query }, bot)).toEqual([])
  })

  test("only a chat id is read as a target", () => {
    for (const target of ["", "x", "1:2:3", "1.5", "-", "1:", "99999999999999999"])
      expect(readChatTarget(target)).toBeNull()
  })
})

describe("the secret", () => {
  test("the right header passes, and every change of one bit fails", () => {
    const secret = "a-Long_Secret-1234567890"
    expect(isFromTelegram(secret, secret)).toBe(true)
    for (let bit = 0; bit < secret.length * 8; bit += 1) {
      const bytes = Buffer.from(secret)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isFromTelegram(secret, bytes.toString("latin1"))).toBe(false)
    }
  })

  test("nothing passes without a secret, without a header, or with two", () => {
    expect(isFromTelegram("", "")).toBe(false)
    expect(isFromTelegram("s", undefined)).toBe(false)
    expect(isFromTelegram("s", ["s", "s"])).toBe(false)
    expect(isFromTelegram("s", "ss")).toBe(false)
  })
})
