/** A person writes in Telegram: by webhook where there is a public address, else by long polling, with buttons for a yes or no. */
import { afterEach, beforeEach, expect, test } from "vitest"
import { type Product, PUBLIC_URL, startProduct } from "../support/product.ts"
import { start as startTelegram, type TelegramStandIn } from "../support/telegram-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242
const SECRET = "telegram-secret-0123456789"

let telegram: TelegramStandIn
let product: Product | undefined

beforeEach(async () => {
  telegram = await startTelegram()
})
afterEach(async () => {
  await product?.stop()
  product = undefined
  await telegram.stop()
})

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

/** Without the lines of progress that a slow machine may show in between. */
const said = () => telegram.sent.filter((message) => !message.silent)
const texts = () => said().map((message) => message.text)

/** The next message after the `n` so far. */
async function reply(n: number) {
  await expect.poll(() => said().length, WAIT).toBeGreaterThan(n)
  const message = said()[n]
  if (message === undefined) throw new Error("nothing was sent")
  return message
}

test("with a public address Telegram is told where to deliver, and an update with the secret is answered", async () => {
  const at = await started({ PUBLIC_URL, TELEGRAM_WEBHOOK_SECRET: SECRET })
  await expect.poll(() => telegram.webhook(), WAIT).toEqual({ url: `${PUBLIC_URL}/webhooks/telegram`, secret: SECRET })
  const deliverTo = `${at.url}/webhooks/telegram`
  expect(await telegram.say({ from: OWNER, text: "remember that the boat is called Aurora", deliverTo })).toBe(200)
  expect((await reply(0)).text).toContain("the boat is called Aurora")
  expect(said()[0]?.chat).toBe(OWNER)
  expect(telegram.methods()).not.toContain("getUpdates")

  const forged = { update_id: 9, message: { message_id: 9, date: 1, chat: { id: OWNER, type: "private" }, text: "hi" } }
  const post = (headers: Record<string, string>) =>
    at.ask("/webhooks/telegram", {
      method: "POST",
      body: JSON.stringify(forged),
      headers: { "content-type": "application/json", ...headers },
    })
  expect((await post({})).status).toBe(401)
  expect((await post({ "x-telegram-bot-api-secret-token": `${SECRET}0` })).status).toBe(401)
  await telegram.say({ from: 666, text: "who is the owner?", deliverTo })
  await telegram.say({ from: OWNER, text: "what is the boat called?", deliverTo })
  expect((await reply(1)).text).toContain("Aurora")
  expect(texts().length).toBe(2)
})

test("without a public address it polls, answers, and takes each update once", async () => {
  const at = await started()
  await expect.poll(() => telegram.methods(), WAIT).toContain("getUpdates")
  expect(await telegram.say({ from: OWNER, text: "ping" })).toBeNull()
  expect((await reply(0)).text).toContain("I am here")
  await telegram.say({ from: OWNER, text: "remember that the shed key hangs by the door" })
  expect((await reply(1)).text).toContain("the shed key hangs by the door")
  expect((await at.ask("/webhooks/telegram", { method: "POST" })).status).not.toBe(200)
  const { runs } = await at.api<{ runs: { trigger: string }[] }>("/api/v1/runs")
  expect(runs.map((run) => run.trigger)).toEqual(["remember that the shed key hangs by the door", "ping"])
})

test("a pressed button answers an approval, once, and is let go at once", async () => {
  const at = await started()
  for (const [n, fact] of ["the van has winter tyres", "the van needs diesel"].entries()) {
    await telegram.say({ from: OWNER, text: `remember that ${fact}` })
    await reply(n)
  }
  await telegram.say({ from: OWNER, text: "forget about the van" })
  const question = await reply(2)
  expect(question.text).toMatch(/^[A-Z]\d: Forget memories/)
  expect(question.buttons.map((button) => button.label)).toEqual(["OK", "No"])
  const press = (data: string) => telegram.press({ from: OWNER, data, messageId: question.messageId })
  const [yes = "", no = ""] = question.buttons.map((button) => button.data)
  expect(telegram.methods()).not.toContain("answerCallbackQuery")

  await press(yes)
  expect((await reply(3)).text).toMatch(/^Forgotten:/)
  expect((await at.api<{ memories: unknown[] }>("/api/v1/memories")).memories).toEqual([])
  await expect.poll(() => telegram.methods(), WAIT).toContain("answerCallbackQuery")
  await press(no)
  expect((await reply(4)).text).toMatch(/was already approved/)
  expect(texts().filter((text) => text.startsWith("Forgotten:")).length).toBe(1)
})
