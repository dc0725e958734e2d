/** The reports and the set-up of channels, over the API of the whole product, with a stand-in for Twilio. */
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import type { ChannelReport } from "../../../src/contract/installation/channels.ts"
import { OWNER_PHONE, type Product, PUBLIC_URL, startProduct } from "../../support/product.ts"
import { start as startTelegram, type TelegramStandIn } from "../../support/telegram-stand-in.ts"
import { start as startTwilio, type TwilioStandIn } from "../../support/twilio-stand-in.ts"

const WAIT = { timeout: 60_000 }
const WEBHOOK = `${PUBLIC_URL}/webhooks/twilio`
let twilio: TwilioStandIn
let telegram: TelegramStandIn
let at: Product

beforeEach(async () => {
  ;[twilio, telegram] = await Promise.all([startTwilio(), startTelegram()])
})
afterEach(async () => {
  await at.stop()
  await Promise.all([twilio.stop(), telegram.stop()])
})

async function start(env: Record<string, string> = { PUBLIC_URL }) {
  at = await startProduct({
    env: {
      ...twilio.env,
      ...telegram.env,
      TELEGRAM_WEBHOOK_SECRET: "telegram-secret-0123456789",
      OWNER_PHONE,
      ...env,
    },
  })
}
async function report(id: string): Promise<ChannelReport | undefined> {
  const { channels } = await at.api<{ channels: ChannelReport[] }>("/api/v1/channels")
  return channels.find((channel) => channel.id === id)
}
const setUp = (id: string) => at.api<{ done: string[] }>(`/api/v1/channels/${id}/setup`, { method: "POST" })

describe("a report", () => {
  test("says how messages come in, when the last ones passed, and what is wrong at the provider", async () => {
    await start()
    expect(await report("sms")).toMatchObject({
      state: "ready",
      takes: "webhook",
      lastInAt: null,
      lastOutAt: null,
      waiting: 0,
      failed: 0,
      paused: null,
      findings: [{ severity: "error", message: expect.stringContaining("delivered nowhere") }],
    })
    expect(await report("web")).toMatchObject({ state: "ready", takes: "mailbox", findings: [] })
    expect(await report("email")).toMatchObject({ state: "off", takes: null })

    await twilio.receive({ from: OWNER_PHONE, body: "ping", webhookUrl: WEBHOOK, deliverTo: at.url })
    await expect.poll(async () => (await report("sms"))?.lastOutAt, WAIT).not.toBeNull()
    expect((await report("sms"))?.lastInAt).not.toBeNull()
    const sid = twilio.messages.find((message) => message.direction === "outbound-api")?.sid ?? ""
    await twilio.report(sid, "failed", { errorCode: "30003", deliverTo: at.url })
    expect(await report("sms")).toMatchObject({ failed: 1 })
  })

  test("of a provider that refuses our account says so, and asks it nothing more", async () => {
    await start({ PUBLIC_URL, TWILIO_AUTH_TOKEN: "wrong" })
    expect(await report("sms")).toMatchObject({ state: "failing", findings: [] })
  })

  test("is for the owner only", async () => {
    await start()
    expect((await at.ask("/api/v1/channels")).status).toBe(401)
    expect((await at.ask("/api/v1/channels/sms/setup", { method: "POST" })).status).toBe(401)
    expect(twilio.owned.sms_url).toBeNull()
  })
})

describe("setting up", () => {
  test("tells Twilio and Telegram to deliver here, and then there is no finding", async () => {
    await start()
    expect((await setUp("sms")).done).toEqual([`Messages to ${twilio.number} are delivered to ${WEBHOOK} by POST.`])
    expect(await report("sms")).toMatchObject({ findings: [] })
    expect((await setUp("telegram")).done).toEqual([`Telegram delivers to ${PUBLIC_URL}/webhooks/telegram.`])
  })

  test("needs a public address, and a channel that has something to set up", async () => {
    await start({})
    expect(await report("sms")).toMatchObject({ takes: "polling", findings: [] })
    await expect(setUp("sms")).rejects.toThrow(/PUBLIC_URL/)
    await at.stop()
    await start()
    await expect(setUp("web")).rejects.toThrow(/404/)
  })
})
