/** Every call that the channel makes, held against the Bot API. The first tests show that the judge finds faults. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { systemClock } from "../../../src/base/clock.ts"
import { createTelegram, type Telegram } from "../../../src/channels/telegram/telegram.ts"
import type { ReceivedRequest } from "../../support/stand-in.ts"
import { openTelegramOracle } from "../../support/telegram-oracle.ts"
import { start, type TelegramStandIn } from "../../support/telegram-stand-in.ts"

const oracle = openTelegramOracle()
const signal = new AbortController().signal
const SOURCES = join(import.meta.dirname, "../../../src/channels/telegram")
let server: TelegramStandIn
beforeAll(async () => {
  server = await start()
})
afterAll(() => server.stop())

const asked = (method: string, body: object, by = "POST"): ReceivedRequest => ({
  method: by,
  url: new URL(`/bot1:x/${method}`, "http://localhost"),
  headers: {},
  body: JSON.stringify(body),
})

test.each<[string, ReceivedRequest, RegExp]>([
  ["an unknown method", asked("sendMesage", {}), /sendMesage is no method/],
  ["a missing parameter", asked("sendMessage", { chat_id: 1 }), /needs text/],
  [
    "a parameter that nobody knows",
    asked("sendMessage", { chat_id: 1, text: "x", loud: true }),
    /loud is no parameter/,
  ],
  ["a value of another type", asked("sendMessage", { chat_id: 1, text: 5 }), /text must be string/],
  ["a single value for a list", asked("getUpdates", { allowed_updates: "message" }), /allowed_updates must be a list/],
  [
    "an address that is none",
    { ...asked("getMe", {}), url: new URL("http://localhost/getMe") },
    /\/getMe is no method/,
  ],
])("the judge finds %s", (_what, call, fault) => {
  expect(oracle.faults(call).join("\n")).toMatch(fault)
})

test("no call that the channel makes has a fault, and every kind of call is made", async () => {
  const settings = {
    token: server.token,
    apiRoot: server.url,
    webhookSecret: "a-secret-of-the-test",
    publicUrl: "https://v.example",
  }
  const telegram = createTelegram(settings)
  const message = { id: "1", target: "42", text: "**hello**", signal }
  const buttons = [{ label: "OK", reply: "K7 OK" }]
  const { providerId } = await telegram.send({ ...message, buttons, silent: true })
  await telegram.send({ ...message, target: "-1001234567890:7", text: "word ".repeat(2000) })
  await telegram.removeButtons("42", providerId, signal)
  await telegram.edit("42", providerId, "changed", signal)
  await telegram.unsend("42", providerId, signal)
  await telegram.typing("42", signal)
  await telegram.typing("-1001234567890:7", signal)
  await telegram.ackPress("q1", signal)
  await telegram.ackPress("q1", signal, "too late")
  await telegram.setCommands([{ command: "help", description: "what I can do" }], signal)
  await telegram.setCommands([{ command: "help", description: "what I can do" }], signal, "42")
  await poll(telegram)
  await telegram.setupWebhook("https://v.example", signal)
  await telegram.probe(signal)
  server.files.set("f1", { bytes: new Uint8Array([1]) })
  await telegram.fetchMedia?.("f1", { maxBytes: 100, signal })

  expect(server.asked.flatMap((one) => oracle.faults(one))).toEqual([])
  const files = globSync("*.ts", { cwd: SOURCES }).map((name) => readFileSync(join(SOURCES, name), "utf8"))
  const written = new Set([...files.join("\n").matchAll(/\bapi\.(\w+)\(/g)].map(([, name = ""]) => name))
  expect(written.size).toBeGreaterThan(10)
  expect([...written].filter((name) => !server.methods().includes(name))).toEqual([])
})

/** Waits until an update was accepted. */
async function poll(telegram: Telegram): Promise<void> {
  const stop = new AbortController()
  server.push({ update_id: 1 })
  await telegram
    .poller({
      clock: systemClock,
      accept: async () => stop.abort(),
      sleep: async () => stop.abort(),
      random: () => 0.5,
    })
    .run(stop.signal)
}
