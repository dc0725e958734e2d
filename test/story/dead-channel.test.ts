/** One channel dies: its own messages wait, another's go on, and everybody can see it; when it is back, they leave in order. */
import { expect, onTestFinished, test } from "vitest"
import { OWNER_PHONE, PUBLIC_URL, runningClock, startProduct } from "../support/product.ts"
import { start as startTelegram } from "../support/telegram-stand-in.ts"
import { start as startTwilio } from "../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const OWNER = 4242

test("a dead carrier holds up no chat, is named in status and metrics, and gets what waited once it is back", async () => {
  const [telegram, twilio] = await Promise.all([startTelegram(), startTwilio()])
  const clock = runningClock("2026-11-22T12:00:00Z")
  const at = await startProduct({
    clock,
    env: {
      PUBLIC_URL,
      ...telegram.env,
      TELEGRAM_WEBHOOK_SECRET: "telegram-secret-0123456789",
      OWNER_TELEGRAM_ID: String(OWNER),
      ...twilio.env,
      OWNER_PHONE,
    },
  })
  onTestFinished(async () => {
    await at.stop()
    await Promise.all([telegram.stop(), twilio.stop()])
  })
  const isSend = ({ method, url }: { method: string; url: URL }) =>
    method === "POST" && url.pathname.endsWith("/Messages.json")
  const tries = () => twilio.asked.filter(isSend).length
  for (let n = 0; n < 5; n++)
    twilio.trouble({ status: 429, body: { code: 20429, message: "too many requests" } }, isSend)

  await twilio.receive({
    from: OWNER_PHONE,
    body: "ping",
    webhookUrl: `${PUBLIC_URL}/webhooks/twilio`,
    deliverTo: at.url,
  })
  for (let n = 1; n <= 5; n++) {
    await expect.poll(tries, WAIT).toBe(n)
    if (n < 5) clock.pass(600_000)
  }
  const metrics = async () => (await at.ask("/metrics")).text()
  await expect.poll(metrics, WAIT).toContain('vigil_channel_paused{channel="sms"} 5')
  const sms = async () =>
    (await at.api<{ channels: { id: string; state: string; detail: string }[] }>("/api/v1/status")).channels.find(
      ({ id }) => id === "sms",
    )
  expect(await sms()).toMatchObject({ state: "failing", detail: expect.stringContaining("5 sends in a row failed") })
  expect((await at.say("/status")).reply).toContain("Failing: sms: 5 sends in a row failed")
  await telegram.say({ from: OWNER, text: "ping", deliverTo: `${at.url}/webhooks/telegram` })
  await expect.poll(() => telegram.sent.length, WAIT).toBe(1)
  expect(tries()).toBe(5)

  clock.pass(600_000)
  await expect.poll(() => twilio.messages.filter((one) => one.direction === "outbound-api").length, WAIT).toBe(1)
  await expect.poll(metrics, WAIT).not.toContain("vigil_channel_paused")
})
