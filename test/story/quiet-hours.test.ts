/** At night: what the person asked for comes, what can wait comes in the morning, and a question waits for its answer. */
import { sql } from "drizzle-orm"
import { afterEach, beforeEach, expect, test } from "vitest"
import { OWNER_ID } from "../../src/thread/people/people.ts"
import { chatReply } from "../model/stand-in.ts"
import { toolCall } from "../support/chat-model.ts"
import { type Product, type RunningClock, runningClock, startProduct } from "../support/product.ts"
import { type StandIn, startStandIn } from "../support/stand-in.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242
const EVENING = "2026-11-22T20:00:00Z"

let telegram: TelegramStandIn
let model: StandIn
let clock: RunningClock
let at: Product

beforeEach(async () => {
  telegram = await startTelegram()
  clock = runningClock(EVENING)
})
afterEach(async () => {
  await at.stop()
  await telegram.stop()
})

async function start(env: Record<string, string> = {}) {
  at = await startProduct({
    clock,
    env: {
      ...telegram.env,
      OWNER_TELEGRAM_ID: String(OWNER),
      VIGIL_MODEL: "offline",
      ...env,
    },
  })
}
const texts = () => telegram.sent.map((message) => message.text)

test("a reminder for the night comes at night, and /status shows the hours that were set", async () => {
  await start()
  expect((await at.say("/status")).reply).toContain("Quiet hours: 21:00-08:00 (Europe/Lisbon).")
  await at.say("remind me to look at the moon at 11pm")
  expect((await at.say("set quiet hours to 22:00-07:00")).reply).toContain("22:00-07:00")
  expect((await at.say("/status")).reply).toContain("Quiet hours: 22:00-07:00 (Europe/Lisbon).")
  clock.to("2026-11-22T23:00:01Z")
  await expect.poll(texts, WAIT).toEqual([expect.stringContaining("look at the moon")])
})

test("what an automation finds every few minutes waits for the morning; a question of the night stays open till then", async () => {
  model = await startStandIn(({ body }) => {
    const { messages } = JSON.parse(body) as { messages: { role: string; content: unknown }[] }
    const last = messages.at(-1)
    if (last?.role === "user" && String(last.content).includes("make it red"))
      return chatReply({ content: null, tool_calls: [toolCall("c1", "forget", '{"ids":[1,2]}')] })
    if (last?.role === "user" && String(last.content).startsWith("schedule it"))
      return chatReply({
        content: null,
        tool_calls: [toolCall("c1", "schedule", '{"action":"look at the door","when":"every 30 minutes"}')],
      })
    return chatReply({ content: "the door is open" })
  })
  await start({ OPENAI_BASE_URL: `${model.url}/v1`, VIGIL_MODEL: "some-model" })
  await at.say("schedule it")
  clock.to("2026-11-22T23:00:01Z")
  const posted = () =>
    at.app.infrastructure.db.query<{ urgency: string; heldUntil: Date | null }>(
      sql`select urgency, held_until as "heldUntil" from outbox where channel = 'telegram'`,
    )
  await expect.poll(posted, WAIT).toContainEqual({ urgency: "notice", heldUntil: new Date("2026-11-23T08:00:00Z") })
  expect(texts()).toEqual([])
  clock.to("2026-11-23T08:00:01Z")
  await expect.poll(texts, WAIT).toContain("the door is open")

  for (const fact of ["tea", "rain"])
    await at.app.infrastructure.db.query(sql`insert into memories (scope, kind, text, length, content_hash, sources, label, valid_from, recorded_at)
      values (${`person:${OWNER_ID}`}, 'fact', ${fact}, 1, ${fact}, '{}', '{}', now(), now())`)
  clock.to("2026-11-23T23:30:00Z")
  await at.say("make it red")
  const { approvals } = await at.api<{ approvals: { expiresAt: string }[] }>("/api/v1/approvals")
  expect(approvals.map((one) => one.expiresAt)).toEqual(["2026-11-25T09:00:00.000Z"])
  await model.stop()
})
