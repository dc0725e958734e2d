import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { messageOf } from "../../../src/base/errors.ts"
import type { Outgoing } from "../../../src/channels/channel.ts"
import { createTelegram, type Telegram } from "../../../src/channels/telegram/telegram.ts"
import { start, type TelegramStandIn } from "../../support/telegram-stand-in.ts"

let server: TelegramStandIn
let telegram: Telegram
const signal = new AbortController().signal
const message = (more: Partial<Outgoing> = {}): Outgoing => ({ id: "o1", target: "42", text: "hello", signal, ...more })

beforeAll(async () => {
  server = await start()
  telegram = createTelegram({ token: server.token, apiRoot: server.url, webhookSecret: "s3cret" })
})
afterAll(async () => await server.stop())
beforeEach(() => {
  server.sent.length = 0
})

describe("sending", () => {
  test("a message arrives with its markup and its buttons, and its id is returned", async () => {
    const buttons = [
      { label: "Approve", reply: "K7 OK" },
      { label: "Deny", reply: "K7 NO" },
    ]
    const receipt = await telegram.send(message({ text: "**K7** label <bug>?", buttons, target: "-100:7" }))
    expect(server.sent).toMatchObject([
      {
        chat: -100,
        topic: 7,
        raw: "<b>K7</b> label &lt;bug&gt;?",
        isHtml: true,
        buttons: [
          { label: "Approve", data: "K7 OK" },
          { label: "Deny", data: "K7 NO" },
        ],
      },
    ])
    expect(receipt.providerId).toBe(String(server.sent[0]?.messageId))
  })

  test("a long message goes in order, with the buttons on its last part", async () => {
    const text = Array.from({ length: 30 }, (_, n) => `${n} ${"word ".repeat(60)}`).join("\n\n")
    const receipt = await telegram.send(message({ text, buttons: [{ label: "OK", reply: "OK" }] }))
    expect(server.sent.length).toBeGreaterThan(2)
    expect(server.sent.map((sent) => sent.buttons.length)).toEqual([...server.sent.slice(1).map(() => 0), 1])
    expect(receipt.providerId).toBe(server.sent.map((sent) => sent.messageId).join(","))
    expect(
      server.sent
        .map((sent) => sent.text)
        .join("\n\n")
        .match(/^\d+ /gm)?.length,
    ).toBe(30)
  })

  test("a part whose markup Telegram cannot read is sent again as plain words, once", async () => {
    server.trouble({
      status: 400,
      body: { ok: false, error_code: 400, description: "Bad Request: can't parse entities: x" },
    })
    await telegram.send(message({ text: "**bold** & plain" }))
    expect(server.sent).toMatchObject([{ raw: "bold & plain", isHtml: false }])
  })

  test.each([
    [
      {
        status: 429,
        body: { ok: false, error_code: 429, description: "Too Many Requests", parameters: { retry_after: 7 } },
      },
      { name: "Retry", afterMs: 7000 },
    ],
    [{ status: 500, body: { ok: false, error_code: 500, description: "Internal Server Error" } }, { name: "Retry" }],
    [{ status: 502, body: "<html>Bad Gateway</html>" }, { name: "Uncertain" }],
    [{ lose: true } as const, { name: "Uncertain" }],
    [
      { status: 403, body: { ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user" } },
      { name: "Reject", code: "blocked" },
    ],
    [
      { status: 400, body: { ok: false, error_code: 400, description: "Bad Request: chat not found" } },
      { name: "Reject", code: "chat_not_found" },
    ],
    [{ status: 401, body: { ok: false, error_code: 401, description: "Unauthorized" } }, { name: "Misconfigured" }],
  ])("%j is thrown as %j, after one try", async (trouble, expected) => {
    const before = server.asked.length
    server.trouble(trouble)
    await expect(telegram.send(message())).rejects.toMatchObject(expected)
    expect(server.asked.length).toBe(before + 1)
  })

  test("an unreachable Telegram is Retry, and no error holds the token", async () => {
    const gone = await start()
    const away = createTelegram({ token: "666:very-secret-token", apiRoot: gone.url })
    await gone.stop()
    const error = await away.send(message()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: "Retry", code: "unreachable" })
    const causes: unknown[] = []
    for (let at: unknown = error; at instanceof Error; at = at.cause)
      causes.push(messageOf(at), JSON.stringify(at), at.stack)
    expect(causes.length).toBeGreaterThan(3)
    expect(causes.join("\n")).not.toContain("very-secret-token")
  })

  test("a send that is cancelled in flight is uncertain; a send that is cancelled before is not made", async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = new AbortController()
    server.trouble({ hold: promise })
    const before = server.asked.length
    const sending = telegram.send(message({ signal: stop.signal }))
    while (server.asked.length === before) await new Promise((next) => setImmediate(next))
    stop.abort()
    await expect(sending).rejects.toMatchObject({ name: "Uncertain" })
    resolve()
    await expect(telegram.send(message({ signal: stop.signal }))).rejects.toMatchObject({ name: "Retry" })
  })

  test("a button without a valid reply, a malformed chat and an empty text are refused before anything is sent", async () => {
    const before = server.asked.length
    const long = [{ label: "x", reply: "\u00e4".repeat(33) }]
    await expect(telegram.send(message({ buttons: long }))).rejects.toMatchObject({ code: "bad_button" })
    await expect(telegram.send(message({ target: "nobody" }))).rejects.toMatchObject({ code: "bad_target" })
    await expect(telegram.send(message({ text: " " }))).rejects.toMatchObject({ code: "empty_message" })
    expect(server.asked.length).toBe(before)
  })
})

describe("a group that became a supergroup", () => {
  test("gets messages at its new id, in its topic, and the keepers of targets are told once", async () => {
    const moves: string[] = []
    const own = createTelegram({ token: server.token, apiRoot: server.url })
    own.onMoved((from, to) => void moves.push(`${from} ${to}`))
    server.migrate(-77, -1009)
    const first = await own.send(message({ target: "-77:3", text: "one" }))
    const before = server.asked.length
    await own.edit("-77:3", first.providerId, "two", signal)
    expect(server.asked.length).toBe(before + 1)
    expect(server.sent.filter(({ chat }) => chat !== 42)).toMatchObject([{ chat: -1009, topic: 3, text: "two" }])
    expect(moves).toEqual(["-77 -1009"])
  })

  test("is also known from its service message", () => {
    const moves: string[] = []
    const own = createTelegram({ token: server.token, apiRoot: server.url })
    own.onMoved((from, to) => void moves.push(`${from} ${to}`))
    const chat = { id: -5, type: "group" }
    const from = { id: 42, is_bot: false }
    expect(own.parse({ update_id: 3, message: { message_id: 1, chat, from, migrate_to_chat_id: -1005 } })).toEqual([])
    expect(own.parse({ update_id: 3, message: { message_id: 1, chat, from, migrate_to_chat_id: -1005 } })).toEqual([])
    expect(moves).toEqual(["-5 -1005"])
  })

  test("is refused after one step when it moves on and on", async () => {
    server.migrate(-81, -82)
    server.migrate(-82, -83)
    await expect(telegram.send(message({ target: "-81" }))).rejects.toMatchObject({ code: "chat_migrated" })
  })
})

describe("changing a sent message", () => {
  test("an edit replaces the words and removes the buttons; the same edit again, or one too late, is no error", async () => {
    const { providerId } = await telegram.send(message({ buttons: [{ label: "OK", reply: "K7 OK" }] }))
    expect(await telegram.edit("42", providerId, "**done** <b>", signal)).toBe(true)
    expect(server.sent).toMatchObject([{ raw: "<b>done</b> &lt;b&gt;", buttons: [], edits: 1 }])
    expect(await telegram.edit("42", providerId, "**done** <b>", signal)).toBe(true)
    await telegram.unsend("42", providerId, signal)
    expect(server.sent[0]?.deleted).toBe(true)
    expect(await telegram.edit("42", providerId, "late", signal)).toBe(false)
    await telegram.unsend("42", providerId, signal)
  })

  test("of a long message only the last part changes, and a text of another length is refused before any call", async () => {
    const text = Array.from({ length: 20 }, (_, n) => `${n} ${"word ".repeat(60)}`.trim()).join("\n\n")
    const { providerId } = await telegram.send(message({ text }))
    const all = server.sent.map((sent) => sent.text)
    expect(await telegram.edit("42", providerId, `${text}\n\nApproved`, signal)).toBe(true)
    expect(server.sent.map((sent) => sent.text)).toEqual([...all.slice(0, -1), `${all.at(-1)}\n\nApproved`])
    const before = server.asked.length
    await expect(telegram.edit("42", providerId, "short", signal)).rejects.toMatchObject({ code: "not_editable" })
    expect(server.asked.length).toBe(before)
  })

  test("words whose markup cannot be read are sent as plain words, and other refusals are thrown", async () => {
    const { providerId } = await telegram.send(message())
    const refused = (description: string) =>
      server.trouble({ status: 400, body: { ok: false, error_code: 400, description } })
    refused("Bad Request: can't parse entities: x")
    await telegram.edit("42", providerId, "**now**", signal)
    expect(server.sent[0]?.raw).toBe("now")
    refused("Bad Request: not enough rights")
    await expect(telegram.edit("42", providerId, "later", signal)).rejects.toMatchObject({ name: "Reject" })
    refused("Bad Request: not enough rights")
    await expect(telegram.unsend("42", providerId, signal)).rejects.toMatchObject({ name: "Reject" })
  })

  test("a silent message is sent without a sound", async () => {
    await telegram.send(message({ silent: true }))
    expect(server.sent[0]?.silent).toBe(true)
  })

  test("messages in groups are edited less often, because groups take fewer messages a minute", () => {
    expect(telegram.editEveryMs("42")).toBe(1500)
    expect(60_000 / telegram.editEveryMs("-100123:7")).toBeLessThan(20)
  })
})

describe("the health of Telegram's deliveries", () => {
  const at = new Date("2026-11-22T12:00:00Z")
  const seconds = at.getTime() / 1000
  const url = "https://a.example/webhooks/telegram"
  const open = (publicUrl?: string) =>
    createTelegram(
      { token: server.token, apiRoot: server.url, webhookSecret: "s3cret", ...(publicUrl ? { publicUrl } : {}) },
      { now: () => at },
    )
  beforeEach(() => {
    for (const key of Object.keys(server.deliveries)) delete server.deliveries[key as keyof typeof server.deliveries]
  })

  test("is empty when all is well, polled or delivered", async () => {
    expect(open().isPolled).toBe(true)
    Object.assign(server.deliveries, { url: "", pending_update_count: 0 })
    expect(await open().probe(signal)).toBe("@TestNameBot")
    expect(open("https://a.example/").isPolled).toBe(false)
    Object.assign(server.deliveries, { url })
    expect(await open("https://a.example/").probe(signal)).toBe("@TestNameBot")
  })

  test("names how many updates wait, and an error that is over", async () => {
    Object.assign(server.deliveries, { url: "", pending_update_count: 3 })
    expect(await open().probe(signal)).toBe("@TestNameBot; 3 updates wait at Telegram")
    const error = { last_error_date: seconds - 60, last_error_message: "Connection refused" }
    Object.assign(server.deliveries, { url, pending_update_count: 0, ...error })
    expect(await open("https://a.example").probe(signal)).toBe(
      "@TestNameBot; Telegram could not deliver at 2026-11-22T11:59:00.000Z: Connection refused; nothing waits any more",
    )
    Object.assign(server.deliveries, { last_error_date: seconds - 7200 })
    expect(await open("https://a.example").probe(signal)).toBe("@TestNameBot")
  })

  test("fails the probe while updates wait after an error", async () => {
    const error = { last_error_date: seconds - 60, last_error_message: "Wrong response: 502 Bad Gateway" }
    Object.assign(server.deliveries, { url, pending_update_count: 1, ...error })
    await expect(open("https://a.example").probe(signal)).rejects.toMatchObject({
      code: "webhook_failing",
      message: expect.stringContaining("502 Bad Gateway; 1 update wait"),
    })
  })

  test.each([
    ["polling beside another's webhook", undefined, "https://other.example/hook/very-secret", "other.example"],
    ["a webhook of another program", "https://a.example", "https://other.example/hook/very-secret", "other.example"],
    ["a webhook that was taken away", "https://a.example", "", "nowhere"],
  ])("fails the probe for %s, and shows no secret part of its address", async (_, publicUrl, set, named) => {
    Object.assign(server.deliveries, { url: set, pending_update_count: 0 })
    const error = await open(publicUrl)
      .probe(signal)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: "Misconfigured", code: "webhook_elsewhere" })
    expect(messageOf(error)).toContain(named)
    expect(messageOf(error)).not.toContain("very-secret")
  })
})

describe("around a message", () => {
  test("a pressed button is acknowledged, and a query that is too old is no error", async () => {
    await telegram.ackPress("q1", signal, "Approved")
    expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toEqual({ callback_query_id: "q1", text: "Approved" })
    server.trouble({ status: 400, body: { ok: false, error_code: 400, description: "Bad Request: query is too old" } })
    await telegram.ackPress("q2", signal)
  })

  test("buttons are removed once, and removing them again is no error", async () => {
    const { providerId } = await telegram.send(message({ buttons: [{ label: "OK", reply: "K7 OK" }] }))
    await telegram.removeButtons("42", providerId, signal)
    expect(server.sent[0]?.buttons).toEqual([])
    await telegram.removeButtons("42", providerId, signal)
  })

  test("the webhook is set with its secret and the kinds of update we read, below a path too", async () => {
    await telegram.setupWebhook("https://a.example/vigil/", signal)
    expect(JSON.parse(server.asked.at(-1)?.body ?? "")).toEqual({
      url: "https://a.example/vigil/webhooks/telegram",
      secret_token: "s3cret",
      allowed_updates: ["message", "edited_message", "callback_query"],
      drop_pending_updates: false,
    })
  })

  test("the bot names itself, and its commands are set", async () => {
    expect(await telegram.probe(signal)).toBe("@TestNameBot")
    await telegram.setCommands([{ command: "help", description: "What I can do" }], signal)
    await telegram.typing("42", signal)
    expect(server.methods().slice(-2)).toEqual(["setMyCommands", "sendChatAction"])
    await telegram.setCommands([{ command: "pair", description: "Let somebody in" }], signal, "42")
    expect([...server.menus]).toEqual([
      ["default", ["help"]],
      ["42", ["pair"]],
    ])
  })
})

describe("the webhook", () => {
  const request = (secret: string | undefined, body: string) => ({
    url: "/webhooks/telegram",
    headers: { "x-telegram-bot-api-secret-token": secret },
    body,
  })
  const update = {
    update_id: 1,
    message: { message_id: 1, chat: { id: 42, type: "private" }, from: { id: 42 }, text: "hi" },
  }

  test("a delivery with the right secret is read", () => {
    expect(telegram.webhook?.(request("s3cret", JSON.stringify(update)))).toMatchObject([{ text: "hi", address: "42" }])
  })

  test("a wrong or missing secret is denied before the body is read", () => {
    expect(() => telegram.webhook?.(request("s3creT", "not json"))).toThrow(expect.objectContaining({ name: "Deny" }))
    expect(() => telegram.webhook?.(request(undefined, "{}"))).toThrow(expect.objectContaining({ name: "Deny" }))
    expect(() => telegram.webhook?.(request("s3cret", "not json"))).toThrow(expect.objectContaining({ status: 400 }))
  })

  test("without a secret there is no webhook at all", async () => {
    const open = createTelegram({ token: server.token, apiRoot: server.url })
    expect(open.webhook).toBeNull()
    expect(createTelegram({ token: server.token, webhookSecret: "" }).webhook).toBeNull()
    await expect(open.setupWebhook("https://a.example", signal)).rejects.toMatchObject({ name: "Misconfigured" })
  })

  test("a malformed token is Misconfigured", () => {
    expect(() => createTelegram({ token: "abc" })).toThrow("TELEGRAM_BOT_TOKEN")
  })
})
