/** What a chat in Telegram sees around an answer: that work goes on, what was decided, what can be said, and what is in the way. */
import { sql } from "drizzle-orm"
import { afterEach, beforeEach, expect, test } from "vitest"
import { chatReply } from "../model/stand-in.ts"
import { toolCall } from "../support/chat-model.ts"
import { type Product, PUBLIC_URL, startProduct } from "../support/product.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242
const ANA = 5151

let telegram: TelegramStandIn
let model: StandIn
let product: Product | undefined

beforeEach(async () => {
  telegram = await startTelegram()
  model = await startStandIn(({ body }) => obey(body))
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await Promise.all([telegram.stop(), model.stop()])
})

/** A model that recalls when it is told to look, and then says what it was told. */
function obey(body: string) {
  const { messages } = JSON.parse(body) as { messages: { role: string; content: unknown }[] }
  const last = messages.findLast(({ role }) => role === "user" || role === "tool")
  if (last?.role === "user" && String(last.content).includes("look"))
    return chatReply({ content: null, tool_calls: [toolCall("c1", "recall", '{"query":"boat"}')] })
  return chatReply({ content: "Here is **what** I found." })
}

async function started(env: Record<string, string> = {}): Promise<Product> {
  product = await startProduct({
    env: {
      ...telegram.env,
      OWNER_TELEGRAM_ID: String(OWNER),
      ...env,
    },
  })
  return product
}

const texts = () => telegram.sent.map((message) => message.text)
const count = (method: string) => telegram.methods().filter((called) => called === method).length
async function reply(n: number) {
  await expect.poll(() => telegram.sent.length, WAIT).toBeGreaterThan(n)
  const message = telegram.sent[n]
  if (message === undefined) throw new Error("nothing was sent")
  return message
}

/** Two memories that fit, so that forgetting them asks first. */
async function asksToForget() {
  for (const [n, fact] of ["the van has winter tyres", "the van needs diesel"].entries()) {
    await telegram.say({ from: OWNER, text: `remember that ${fact}` })
    await reply(n)
  }
  await telegram.say({ from: OWNER, text: "forget about the van" })
  return await reply(2)
}

test("a long run is seen typing, says quietly what it does, and leaves only its answer", async () => {
  await started({ OPENAI_BASE_URL: `${model.url}/v1`, VIGIL_MODEL: "some-model" })
  const thought = Promise.withResolvers<void>()
  const found = Promise.withResolvers<void>()
  model.trouble({ hold: thought.promise }, ({ body }) => body.includes("look") && !body.includes('"role":"tool"'))
  model.trouble({ hold: found.promise }, ({ body }) => body.includes('"role":"tool"'))
  await telegram.say({ from: OWNER, text: "look for the boat" })
  await expect.poll(() => count("sendChatAction"), WAIT).toBeGreaterThan(0)
  expect(texts()).toEqual([])
  expect(await reply(0)).toMatchObject({ text: "Working on it.", silent: true, chat: OWNER })
  thought.resolve()
  await expect.poll(texts, WAIT).toEqual(["Working on it: looking in my memory"])
  found.resolve()
  expect(await reply(1)).toMatchObject({ text: "Here is what I found.", silent: false, edits: 0 })
  await expect.poll(() => telegram.sent.map((message) => message.deleted), WAIT).toEqual([true, false])
  const typed = count("sendChatAction")
  await telegram.say({ from: OWNER, text: "/status" })
  await reply(2)
  expect(count("sendChatAction")).toBeLessThanOrEqual(typed + 1)
  expect(texts().filter((text) => text === "Here is what I found.")).toHaveLength(1)
})

test("an approval is let go at once, says who decided and when, and tells who comes late", async () => {
  const at = await started()
  await at.app.infrastructure.db.query(sql`update people set name = 'Ana' where role = 'owner'`)
  const question = await asksToForget()
  const asked = question.text
  const [yes = "", no = ""] = question.buttons.map((button) => button.data)
  await telegram.press({ from: OWNER, data: yes, messageId: question.messageId })
  await expect.poll(() => count("answerCallbackQuery"), WAIT).toBe(1)
  await expect.poll(() => question.text.replace(asked, ""), WAIT).toMatch(/^\n\nApproved by Ana, \d{1,2}:\d\d [AP]M$/)
  expect(question.buttons).toEqual([])
  expect((await reply(3)).text).toMatch(/^Forgotten:/)
  await telegram.press({ from: OWNER, data: no, messageId: question.messageId })
  expect((await reply(4)).text).toMatch(/^[A-Z]\d was already approved by you, \d{1,2}:\d\d [AP]M\.$/)
})

test("a question whose time ran out says so in its place", async () => {
  const at = await started()
  const question = await asksToForget()
  await at.app.infrastructure.db.query(sql`update approvals set expires_at = now() - interval '1 day'`)
  await expect.poll(() => question.text, WAIT).toContain("Expired, so nothing was done")
  expect(question.buttons).toEqual([])
})

test("everyone's menu has what everyone may use, the owner's has all, and both are told once", async () => {
  const at = await started()
  await expect.poll(() => telegram.menus.size, WAIT).toBe(2)
  const everyone = telegram.menus.get("default") ?? []
  const owner = telegram.menus.get(String(OWNER)) ?? []
  expect(everyone).toContain("help")
  expect(everyone).not.toContain("pair")
  expect(owner).toEqual(expect.arrayContaining([...everyone, "pair", "approvals"]))
  await telegram.say({ from: OWNER, text: "/help" })
  const help = (await reply(0)).text
  for (const name of owner) expect(help).toContain(`/${name}`)
  expect(help).not.toContain("/start")
  await telegram.say({ from: OWNER, text: "/start" })
  expect((await reply(1)).text).toMatch(/^Hello, I am Vigil/)
  const { setTelegramMenu: setMenus } = await import("../../src/app/channels/telegram-menu.ts")
  const commands = owner.map((name) => ({ name, help: "as before", run: async () => "" }))
  const bot = at.app.channels.telegram
  if (!bot) throw new Error("no bot")
  const set = () => setMenus({ ...at.app.infrastructure, telegram: bot, commands }, new AbortController().signal)
  await set()
  expect(count("setMyCommands")).toBe(4)
  await set()
  expect(count("setMyCommands")).toBe(4)
})

test("what Telegram did not hear at the start is told again, the webhook too", async () => {
  const away = { status: 502, body: { ok: false, error_code: 502, description: "Bad Gateway" } }
  telegram.trouble(away, ({ url }) => url.pathname.endsWith("/getMe"))
  telegram.trouble(away, ({ url }) => url.pathname.endsWith("/setWebhook"))
  await started({ PUBLIC_URL, TELEGRAM_WEBHOOK_SECRET: "telegram-secret-0123456789" })
  await expect.poll(() => telegram.webhook()?.url, WAIT).toBe(`${PUBLIC_URL}/webhooks/telegram`)
  expect(count("setWebhook")).toBe(2)
})

test("that somebody else polls the bot is in the status until it is over", async () => {
  const description = "Conflict: terminated by other getUpdates request"
  telegram.trouble({ status: 409, body: { ok: false, error_code: 409, description } }, ({ url }) =>
    url.pathname.endsWith("/getUpdates"),
  )
  const at = await started()
  const state = async () => {
    const { channels } = await at.api<{ channels: { id: string; state: string; detail: string }[] }>("/api/v1/status")
    return channels.find(({ id }) => id === "telegram")
  }
  await expect.poll(() => at.lines.some(({ event }) => event === "telegram_polled_elsewhere"), WAIT).toBe(true)
  const met = { state: "failing", detail: expect.stringContaining("Another program polls this bot") }
  await expect.poll(state, WAIT).toMatchObject(met)
  await telegram.say({ from: OWNER, text: "ping" })
  expect((await reply(0)).text).toContain("I am here")
  await expect.poll(state, WAIT).toMatchObject({ state: "ready", detail: "@TestNameBot" })
})

test("who blocked the bot is written to elsewhere from the start, until they write again", async () => {
  const at = await started()
  const refusal = { ok: false, error_code: 403, description: "Forbidden: bot was blocked by the user" }
  telegram.trouble({ status: 403, body: refusal }, ({ url }) => url.pathname.endsWith("/sendMessage"))
  await telegram.say({ from: OWNER, text: "ping" })
  const { db, people } = at.app.infrastructure
  const optedOut = async () => (await people.find("telegram", String(OWNER)))?.optedOut
  await expect.poll(optedOut, WAIT).toBe(true)
  const live = at.app.channels.live
  const owner = at.app.infrastructure.owner.id
  expect((await people.home(owner, live)).channel).toBe("web")
  const onTheWeb = () => db.query(sql`select body ->> 'text' as text from outbox where channel = 'web'`)
  await expect.poll(onTheWeb, WAIT).toMatchObject([{ text: expect.stringContaining("I am here") }])
  await telegram.say({ from: OWNER, text: "ping" })
  await reply(0)
  expect(await optedOut()).toBe(false)
  expect((await people.home(owner, live)).channel).toBe("telegram")
})

test("a group that became a supergroup keeps its conversation", async () => {
  const at = await started()
  const group = { chat: -77, type: "group" as const, more: mention("@TestNameBot ping") }
  await expect.poll(() => count("getUpdates"), WAIT).toBeGreaterThan(0)
  await telegram.say({ from: OWNER, text: "@TestNameBot ping", ...group })
  expect((await reply(0)).chat).toBe(-77)
  telegram.migrate(-77, -1009)
  await telegram.say({ from: OWNER, text: "@TestNameBot ping", ...group })
  expect((await reply(1)).chat).toBe(-1009)
  const keys = () =>
    at.app.infrastructure.db.query<{ key: string }>(
      sql`select key from threads where channel = 'telegram' order by key`,
    )
  await expect.poll(keys, WAIT).toEqual([{ key: "telegram:666:-1009" }])
  await telegram.say({ from: OWNER, text: "@TestNameBot ping", ...group, chat: -1009, type: "supergroup" })
  expect((await reply(2)).chat).toBe(-1009)
  expect(await keys()).toHaveLength(1)
})

function mention(text: string) {
  return { entities: [{ type: "mention", offset: 0, length: text.indexOf(" ") }] }
}

test("in a group each has their own rights: a member's press decides nothing and starts no run", async () => {
  const at = await started({ OPENAI_BASE_URL: `${model.url}/v1`, VIGIL_MODEL: "some-model" })
  const { people, db } = at.app.infrastructure
  const ana = "018f0000-0000-7000-8000-00000000a4a0"
  await db.query(sql`insert into people (id, name, role, created_at) values (${ana}, 'Ana', 'member', now())`)
  await people.link(ana, "telegram", String(ANA), String(ANA))
  await expect.poll(() => count("getUpdates"), WAIT).toBeGreaterThan(0)
  const before = model.asked.length
  // A question of the owner's, open in the group.
  const group = "-100200"
  await telegram.say({
    from: OWNER,
    text: "/status@TestNameBot",
    chat: Number(group),
    type: "supergroup",
    more: command(),
  })
  await reply(0)
  await db.query(sql`insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, state, created_at, expires_at)
    select gen_random_uuid(), runs.id, thread_id, 7, 'approval', 'K7', 'forget', '{}', '', 'Forget', ${at.app.infrastructure.owner.id}, 'open', now(), now() + interval '1 day'
    from runs join threads on threads.id = thread_id where target = ${group} limit 1`)
  await telegram.press({ from: ANA, data: "K7 OK", messageId: telegram.sent[0]?.messageId ?? 0, chat: Number(group) })
  await expect.poll(() => texts().some((text) => text === "K7 is not yours to decide."), WAIT).toBe(true)
  const [wait] = await db.query<{ state: string }>(sql`select state from approvals where code = 'K7'`)
  expect([wait?.state, model.asked.length]).toEqual(["open", before])
  await telegram.say({
    from: ANA,
    text: "/pair@TestNameBot",
    chat: Number(group),
    type: "supergroup",
    more: command(17),
  })
  await expect.poll(() => texts().some((text) => text === "/pair is for the owner."), WAIT).toBe(true)
})

function command(length = 19) {
  return { entities: [{ type: "bot_command", offset: 0, length }] }
}
