/** A person mails it: the receiver posts the raw message, the answer goes out over SMTP in the same conversation. */
import PostalMime from "postal-mime"
import { afterEach, beforeEach, expect, test } from "vitest"
import { AUTHSERV, type MailStandIn, mime, signed, start } from "../support/mail-stand-in.ts"
import { type Product, startProduct } from "../support/product.ts"

const WAIT = { timeout: 60_000 }
const SECRET = "email-secret-0123456789"

let server: MailStandIn
let product: Product
beforeEach(async () => {
  server = await start()
  product = await startProduct({
    env: {
      SMTP_URL: server.url,
      EMAIL_FROM: "Vigil <vigil@example.com>",
      EMAIL_WEBHOOK_SECRET: SECRET,
      EMAIL_AUTHSERV_ID: AUTHSERV,
      OWNER_EMAIL: "ana@example.com",
    },
  })
})
afterEach(async () => {
  await product.stop()
  await server.stop()
})

function post(raw: string, headers: Record<string, string> = signed(SECRET, raw, new Date())): Promise<Response> {
  const body = Buffer.from(raw, "latin1")
  return product.ask("/webhooks/email", {
    method: "POST",
    body,
    headers: { "content-type": "message/rfc822", ...headers },
  })
}

test("a mail is answered once, in its conversation; a second delivery and an unsigned one change nothing", async () => {
  const raw = mime({ Subject: "" }, "remember that the spare key is under the blue pot")
  expect((await post(raw)).status).toBe(200)
  await expect.poll(() => server.mails.length, WAIT).toBe(1)
  expect((await post(raw)).status).toBe(200)
  expect((await post(raw, {})).status).toBe(401)
  expect((await post(raw, signed("wrong-secret-0123", raw, new Date()))).status).toBe(401)
  const answer = await PostalMime.parse(server.mails[0]?.raw ?? "")
  expect(answer).toMatchObject({ inReplyTo: "<first@mail.example.com>", from: { address: "vigil@example.com" } })
  expect(answer.text).toContain("the spare key is under the blue pot")

  const next = {
    "Message-ID": "<second@x>",
    "In-Reply-To": answer.messageId ?? "",
    References: `<first@mail.example.com> ${answer.messageId}`,
  }
  const quoted = "where is the spare key?\n\nOn Sun, 22 Nov 2026 Vigil <vigil@example.com> wrote:\n> Noted: forget it"
  expect((await post(mime(next, quoted))).status).toBe(200)
  await expect.poll(() => server.mails.length, WAIT).toBe(2)
  const second = await PostalMime.parse(server.mails[1]?.raw ?? "")
  expect(second.references).toBe(`<first@mail.example.com> ${answer.messageId} <second@x>`)
  const { runs } = await product.api<{ runs: { state: string; threadId?: string }[] }>("/api/v1/runs")
  expect(runs.map(({ state }) => state)).toEqual(["done", "done"])
})

test("a stranger, a forged sender and a program are answered 200 and get no reply", async () => {
  const strange = mime({ From: "eve@evil.example", "Message-ID": "<1@x>" }, "hello")
  const forged = mime({ "Authentication-Results": "mx.evil.example; dmarc=pass header.from=example.com" }, "hello")
  const vacation = mime({ "Auto-Submitted": "auto-replied" }, "I am away")
  for (const raw of [strange, forged, vacation]) expect((await post(raw)).status).toBe(200)
  expect(product.lines).toContainEqual({ event: "email_ignored", fields: { reason: "unauthenticated" } })
  expect(product.lines).toContainEqual({ event: "email_ignored", fields: { reason: "automatic" } })
  expect(product.lines).toContainEqual({
    event: "stranger_ignored",
    fields: { channel: "email", address: "eve@evil.example" },
  })
  expect((await product.api<{ runs: unknown[] }>("/api/v1/runs")).runs).toHaveLength(0)
  expect(server.mails).toHaveLength(0)
})

test("a reminder made on the web goes to the owner's mail, and the status says who we are there", async () => {
  await product.say("remind me to call mum in 1 second")
  await expect.poll(() => server.mails.length, WAIT).toBe(1)
  expect((await PostalMime.parse(server.mails[0]?.raw ?? "")).subject).toBe("Reminder: call mum")
  const { channels } = await product.api<{ channels: unknown[] }>("/api/v1/status")
  expect(channels).toContainEqual({ id: "email", state: "ready", detail: "vigil@example.com" })
})
