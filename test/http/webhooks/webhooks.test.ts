import { sign } from "@octokit/webhooks-methods"
import { sql } from "drizzle-orm"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type StandIn, startStandIn } from "../../support/stand-in.ts"
import { GITHUB_SECRET, type House, house, OWNER_PHONE, PUBLIC_URL, TELEGRAM_SECRET, TWILIO } from "../everything.ts"

let h: House
let telegram: StandIn
beforeAll(async () => {
  telegram = await startStandIn(() => ({ status: 200, body: { ok: true, result: true } }))
  h = await house({ telegramApi: telegram.url, config: { HOST: "127.0.0.1", PUBLIC_URL } })
})
afterAll(async () => {
  await h.stop()
  await telegram.stop()
})

let updates = 0
const telegramText = (text: string, from = 4242) => ({
  update_id: ++updates,
  message: { message_id: updates, date: 1, chat: { id: from, type: "private" }, from: { id: from }, text },
})

const post = (path: string, body: string, headers: Record<string, string>) =>
  fetch(`${h.url}${path}`, { method: "POST", body, headers })

const toTelegram = (body: unknown, secret = TELEGRAM_SECRET) =>
  post("/webhooks/telegram", typeof body === "string" ? body : JSON.stringify(body), {
    "content-type": "application/json",
    "x-telegram-bot-api-secret-token": secret,
  })

function toTwilio(fields: Record<string, string>, { path = "/webhooks/twilio", token = TWILIO.token } = {}) {
  const form = { AccountSid: TWILIO.sid, To: TWILIO.number, ...fields }
  return post(path, new URLSearchParams(form).toString(), {
    "content-type": "application/x-www-form-urlencoded",
    "x-twilio-signature": getExpectedTwilioSignature(token, `${PUBLIC_URL}${path}`, form),
  })
}

let deliveries = 0
async function toGitHub(event: string, payload: object, { secret = GITHUB_SECRET, id = `d-${++deliveries}` } = {}) {
  const body = JSON.stringify(payload)
  return post("/webhooks/github", body, {
    "content-type": "application/json",
    "x-hub-signature-256": await sign(secret, body),
    "x-github-event": event,
    "x-github-delivery": id,
  })
}

const issue = (action: string, more: object = {}) => ({
  action,
  repository: { full_name: "Acme/Shop" },
  sender: { login: "eve", type: "User" },
  issue: {
    number: 5,
    title: "It crashes",
    body: "when I press pay",
    user: { login: "eve" },
    author_association: "NONE",
    state: "open",
    html_url: "https://github.com/acme/shop/issues/5",
    updated_at: "2026-11-20T10:00:00Z",
    ...more,
  },
})

const inbox = (where = sql`true`) =>
  h.s.db.query<{
    source: string
    externalId: string
    kind: string
    state: string
    payload: { text?: string; action?: string; delivery?: string; reason?: string; event?: unknown }
    label: unknown
    key: string
  }>(sql`select source, external_id as "externalId", kind, state, payload, label, threads.key from inbox
    join threads on threads.id = thread_id where ${where} order by received_at`)

test("a Telegram message with the secret is committed and answered 200", async () => {
  const answer = await toTelegram(telegramText("hello there"))
  expect([answer.status, await answer.text()]).toEqual([200, "{}"])
  const [row] = await inbox(sql`payload ->> 'text' = 'hello there'`)
  expect(row).toMatchObject({ source: "telegram:123456", kind: "message", state: "new", key: "telegram:123456:4242" })
  expect(row?.label).toEqual({ integrity: "owner", confidentiality: "private" })
})

test("a wrong or missing Telegram secret is answered 401 and leaves nothing", async () => {
  expect((await toTelegram(telegramText("intruder"), "wrong")).status).toBe(401)
  expect((await post("/webhooks/telegram", "{}", { "content-type": "application/json" })).status).toBe(401)
  expect(await inbox(sql`payload ->> 'text' = 'intruder'`)).toHaveLength(0)
})

test("a hundred parallel deliveries of one webhook leave one row", async () => {
  const update = telegramText("only once")
  const answers = await Promise.all(Array.from({ length: 100 }, () => toTelegram(update)))
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
  expect(await inbox(sql`payload ->> 'text' = 'only once'`)).toHaveLength(1)
})

test("a stranger gets 200, no row and no reply, and is named in the log", async () => {
  const before = await inbox()
  const answer = await toTelegram(telegramText("let me in", 666))
  expect([answer.status, await answer.text()]).toEqual([200, "{}"])
  expect(await inbox()).toHaveLength(before.length)
  expect(await h.s.db.query(sql`select 1 from outbox`)).toHaveLength(0)
  expect(h.lines).toContainEqual({ event: "stranger_ignored", fields: { channel: "telegram", address: "666" } })
})

test("a pressed button is taken as words, and acknowledged after the commit", async () => {
  const acked = Promise.withResolvers<string>()
  const heard = setInterval(() => {
    const call = telegram.asked.find((asked) => asked.url.pathname.endsWith("/answerCallbackQuery"))
    if (call) acked.resolve(call.body)
  }, 5)
  const message = { message_id: 1, date: 1, chat: { id: 4242, type: "private" }, from: { id: 1, is_bot: true } }
  await toTelegram({
    update_id: ++updates,
    callback_query: { id: "press-1", from: { id: 4242 }, data: "hi again", message },
  })
  expect(await inbox(sql`payload ->> 'text' = 'hi again'`)).toHaveLength(1)
  expect(await acked.promise).toContain("press-1")
  clearInterval(heard)
})

test("text that Postgres cannot store is stored without what it cannot", async () => {
  expect((await toTelegram(telegramText("nul\u0000 and half \ud83d"))).status).toBe(200)
  expect(await inbox(sql`payload ->> 'text' = ${"nul and half \ufffd"}`)).toHaveLength(1)
})

test("a malformed body is 400, another type 415, too much 413, an unmounted webhook 404", async () => {
  const json = { "content-type": "application/json", "x-telegram-bot-api-secret-token": TELEGRAM_SECRET }
  expect((await toTelegram("{not json")).status).toBe(400)
  expect((await post("/webhooks/telegram", "a=1", { ...json, "content-type": "text/plain" })).status).toBe(415)
  expect((await post("/webhooks/telegram", "x".repeat(1024 * 1024 + 1), json)).status).toBe(413)
  const big = await post("/webhooks/twilio", "x".repeat(65 * 1024), {
    "content-type": "application/x-www-form-urlencoded",
    "x-twilio-signature": "not looked at yet",
  })
  expect(big.status).toBe(413)
  const unknown = await post("/webhooks/carrier-pigeon", "{}", json)
  expect([unknown.status, await unknown.json()]).toEqual([
    404,
    { error: { code: "not_found", message: "there is nothing here" } },
  ])
})

test("an SMS with Twilio's signature is answered with empty TwiML", async () => {
  const answer = await toTwilio({ MessageSid: "SM1", From: OWNER_PHONE, Body: "status please" })
  expect([answer.status, await answer.text()]).toEqual([200, "<Response/>"])
  expect(answer.headers.get("content-type")).toMatch(/^text\/xml/)
  expect(await inbox(sql`external_id = 'SM1'`)).toMatchObject([{ payload: { text: "status please" }, state: "new" }])
})

test("a wrong Twilio signature is answered 403", async () => {
  expect((await toTwilio({ MessageSid: "SM2", From: OWNER_PHONE, Body: "x" }, { token: "other" })).status).toBe(403)
  expect(await inbox(sql`external_id = 'SM2'`)).toHaveLength(0)
})

test("STOP and START switch sending off and on, are recorded, and start no run; an old STOP again changes nothing", async () => {
  const stop = { MessageSid: "SM3", From: OWNER_PHONE, Body: "Stop" }
  await toTwilio(stop)
  expect(await h.s.people.find("sms", OWNER_PHONE)).toMatchObject({ optedOut: true })
  await toTwilio({ MessageSid: "SM4", From: OWNER_PHONE, Body: "START" })
  expect(await h.s.people.find("sms", OWNER_PHONE)).toMatchObject({ optedOut: false })
  await toTwilio(stop)
  expect(await h.s.people.find("sms", OWNER_PHONE)).toMatchObject({ optedOut: false })
  await toTwilio({ MessageSid: "SM5", From: OWNER_PHONE, Body: "HELP" })
  const rows = await inbox(sql`external_id in ('SM3', 'SM4', 'SM5')`)
  expect(rows.map((row) => [row.state, row.payload.reason])).toEqual([
    ["recorded", "carrier keyword stop"],
    ["recorded", "carrier keyword start"],
    ["recorded", "carrier keyword help"],
  ])
})

test("a delivery report moves the sent message forward", async () => {
  const { threadId } = await h.s.inbox.accept({
    source: "test",
    externalId: "report",
    kind: "message",
    channel: "sms",
    threadKey: "sms:report",
    target: OWNER_PHONE,
    personId: null,
    label: { integrity: "owner", confidentiality: "private" },
    payload: { text: "x" },
  })
  await h.s.db.query(sql`
    insert into outbox (id, thread_id, dedupe_key, channel, target, body, state, provider_id, next_at, created_at)
    values (gen_random_uuid(), ${threadId}::uuid, 'report', 'sms', ${OWNER_PHONE}, '{"text":"x"}', 'sent', 'SMout', now(), now())`)
  const path = "/webhooks/twilio/status"
  const state = async () =>
    (await h.s.db.query<{ state: string }>(sql`select state from outbox where dedupe_key = 'report'`))[0]?.state
  expect((await toTwilio({ MessageSid: "SMout", MessageStatus: "queued" }, { path })).status).toBe(204)
  expect(await state()).toBe("sent")
  expect((await toTwilio({ MessageSid: "SMout", MessageStatus: "delivered" }, { path })).status).toBe(204)
  expect(await state()).toBe("delivered")
  expect((await toTwilio({ MessageSid: "SMout", MessageStatus: "failed" }, { path, token: "no" })).status).toBe(403)
})

test("an opened issue is accepted as untrusted; the same content again is a duplicate; an edit is new", async () => {
  expect((await toGitHub("issues", issue("opened"), { id: "abc" })).status).toBe(202)
  expect(await (await toGitHub("issues", issue("opened"))).json()).toEqual({ outcome: "duplicate" })
  expect(await (await toGitHub("issues", issue("edited", { title: "It crashes a lot" }))).json()).toEqual({
    outcome: "accepted",
  })
  const rows = await inbox(sql`threads.key = 'github:acme/shop#5'`)
  expect(rows).toHaveLength(2)
  expect(rows[0]).toMatchObject({
    kind: "issue",
    label: { integrity: "untrusted", confidentiality: "public" },
    payload: { action: "opened", delivery: "abc", issue: { repo: "Acme/Shop", number: 5, title: "It crashes" } },
  })
})

test("reopening is an event of its own, and a member's issue is a collaborator's", async () => {
  const reopened = issue("reopened", { number: 6, author_association: "MEMBER" })
  await toGitHub("issues", issue("opened", { number: 6, author_association: "MEMBER" }))
  await toGitHub("issues", reopened)
  expect(await (await toGitHub("issues", reopened)).json()).toEqual({ outcome: "duplicate" })
  const rows = await inbox(sql`threads.key = 'github:acme/shop#6'`)
  expect(rows.map((row) => row.label)).toEqual(Array(2).fill({ integrity: "collaborator", confidentiality: "public" }))
})

test("other events, actions and repositories are recorded without their content, and start nothing", async () => {
  const elsewhere = { ...issue("opened"), repository: { full_name: "other/repo" } }
  for (const [event, payload] of [
    ["ping", { zen: "secret words" }],
    ["issues", issue("labeled")],
    ["issues", elsewhere],
  ] as const)
    expect(await (await toGitHub(event, payload)).json()).toEqual({ outcome: "ignored" })
  const rows = await inbox(sql`threads.key = 'github:deliveries'`)
  expect(rows.map((row) => [row.state, row.payload.reason])).toEqual([
    ["recorded", "event ping"],
    ["recorded", "action labeled"],
    ["recorded", "repository other/repo is not configured"],
  ])
  expect(JSON.stringify(rows)).not.toContain("secret words")
})

test("a wrong GitHub signature is answered 401, a large delivery is read", async () => {
  expect((await toGitHub("issues", issue("opened"), { secret: "another" })).status).toBe(401)
  const large = issue("opened", { number: 7, body: "x".repeat(3 * 1024 * 1024) })
  expect(await (await toGitHub("issues", large)).json()).toEqual({ outcome: "accepted" })
})

test("what came is counted by channel and outcome", async () => {
  const metrics = await (await fetch(`${h.url}/metrics`)).text()
  expect(metrics).toMatch(/vigil_webhooks_total\{channel="telegram",outcome="duplicate"\} 99/)
  expect(metrics).toMatch(/vigil_webhooks_total\{channel="telegram",outcome="stranger"\} 1/)
  expect(metrics).toMatch(/vigil_webhooks_total\{channel="github",outcome="rejected"\} 1/)
})

test("a channel that is not configured has no route", async () => {
  const bare = await house({ channels: {} })
  for (const path of ["telegram", "twilio", "twilio/status", "github"])
    expect((await fetch(`${bare.url}/webhooks/${path}`, { method: "POST" })).status).toBe(404)
  await bare.stop()
})

test("when the database fails nothing is acknowledged", async () => {
  const broken = await house()
  await broken.database.db.query(sql`alter table inbox rename to gone`)
  const update = { method: "POST", body: JSON.stringify(telegramText("lost?")) }
  const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": TELEGRAM_SECRET }
  expect((await fetch(`${broken.url}/webhooks/telegram`, { ...update, headers })).status).toBe(500)
  await broken.stop()
})
