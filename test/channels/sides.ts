/**
 * Sides: the five channels as the contract sees them, each against its stand-in on loopback, the web against a whole server.
 * On GitHub each label counts as a message. On the web a message is a row of our own outbox, as people read it.
 */
import { sign as signedByGitHub } from "@octokit/webhooks-methods"
import { sql } from "drizzle-orm"
import PostalMime from "postal-mime"
import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { expect } from "vitest"
import { z } from "zod"
import type { Channel, Inbound, Outgoing, Receipt } from "../../src/channels/channel.ts"
import { createEmail } from "../../src/channels/email/email.ts"
import { createGitHub } from "../../src/channels/github/client.ts"
import { createGitHubWebhook } from "../../src/channels/github/webhook.ts"
import { createSms } from "../../src/channels/sms/sms.ts"
import { createTelegram } from "../../src/channels/telegram/telegram.ts"
import { postNotice } from "../../src/thread/outbox/outbox.ts"
import { issueEvent } from "../../src/triage/repository/issue-event.ts"
import { house, sending, TOKEN } from "../http/everything.ts"
import { openGitHubOracle } from "../support/github-oracle.ts"
import { start as startGitHub } from "../support/github-stand-in.ts"
import { AUTHSERV, LOGIN, mime, signed, start as startMail } from "../support/mail-stand-in.ts"
import { startStandIn } from "../support/stand-in.ts"
import { openTelegramOracle } from "../support/telegram-oracle.ts"
import { start as startTelegram } from "../support/telegram-stand-in.ts"
import { openTwilioOracle } from "../support/twilio-oracle.ts"
import { start as startTwilio } from "../support/twilio-stand-in.ts"

export type Fault = "busy" | "refused" | "lost"

/** The part of an inbound message that every channel has. */
export type Received = Pick<Inbound, "channel" | "source" | "externalId" | "address" | "threadKey" | "text" | "target">

/** The part of a channel that the suite uses to send. GitHub and the web imitate it. */
export type Sender = Pick<Channel, "send" | "probe">

export interface Side {
  channel: Sender
  /** UTF-16 units of the longest message that a person gets. */
  maxText: number
  /** The target at which the owner is reached. */
  target: string
  /** The address of the person who writes from there; empty where nobody can write. */
  address: string
  /** A secret that no error may hold. */
  credential: string
  /** The error of a delivery without the right proof of origin. */
  refusal: object
  /** Delivers the person's words with a right, a wrong or no proof of origin. */
  receive(said: { id: number; text: string }, proof: "right" | "wrong" | "none"): Promise<Received[]>
  /** Makes the next send fail; `lost` takes the message and loses the answer. */
  fault(fault: Fault): void
  /** Delays the answer to the next send. */
  hold(until: Promise<void>): void
  /** Lets time pass until the circuit breaker closes again. */
  rest(): void
  /** How many messages the provider received whole, also those that it then refused. */
  came(): number
  /** The texts that a person would read, message by message. */
  read(): Promise<string[]>
  /** The same channel over a provider that does not exist. */
  lonely: Sender
  clear(): Promise<void>
  stop(): Promise<void>
  /** Proofs, by name, that a case of the contract does not apply to this channel. */
  proofs: Record<string, () => Promise<void>>
  /** The faults that the provider's own description finds in our requests; null without such a description. */
  faults(): Promise<string[] | null>
}

const NOW = new Date("2026-11-22T10:00:00Z")
const signal = new AbortController().signal
const signatureRefused = { name: "Deny", code: "bad_signature" }

/** An address at which nobody listens any more. */
async function nowhere(): Promise<string> {
  const gone = await startStandIn(() => ({ status: 200 }))
  await gone.stop()
  return gone.url
}
const only = (one: Inbound | null | undefined) => (one ? [one] : [])
const asJson = (value: unknown) => JSON.stringify(value)

export async function telegramSide(): Promise<Side> {
  const oracle = openTelegramOracle()
  const server = await startTelegram()
  const secret = "telegram-secret-0123456789"
  const make = (apiRoot: string) => createTelegram({ token: server.token, apiRoot, webhookSecret: secret })
  const channel = make(server.url)
  const isSend = (asked: { url: URL }) => asked.url.pathname.endsWith("/sendMessage")
  const refusal = (error_code: number, description: string) => ({
    status: error_code,
    body: { ok: false, error_code, description },
  })
  return {
    channel,
    maxText: channel.capabilities.maxText,
    address: "42",
    refusal: signatureRefused,
    rest: () => {},
    proofs: {},
    target: "42",
    credential: server.token,
    async receive({ id, text }, proof) {
      const body = asJson({
        update_id: id,
        message: { message_id: id, date: 1, chat: { id: 42, type: "private" }, from: { id: 42 }, text },
      })
      const token = { right: secret, wrong: `${secret}x`, none: undefined }[proof]
      const headers = { "x-telegram-bot-api-secret-token": token }
      return channel.webhook?.({ url: "/webhooks/telegram", headers, body }) ?? []
    },
    fault: (fault) =>
      server.trouble(
        {
          busy: refusal(429, "Too Many Requests"),
          refused: refusal(403, "Forbidden: bot was blocked"),
          lost: { lose: true } as const,
        }[fault],
        isSend,
      ),
    hold: (until) => server.trouble({ hold: until }, isSend),
    came: () => server.asked.filter(isSend).length,
    read: async () => server.sent.map((sent) => sent.text),
    lonely: make(await nowhere()),
    clear: async () => void server.sent.splice(0),
    faults: async () => server.asked.flatMap((one) => oracle.faults(one)),
    stop: () => server.stop(),
  }
}

export async function smsSide(): Promise<Side> {
  const oracle = await openTwilioOracle()
  const server = await startTwilio({ oracle })
  const { accountSid, authToken, number } = server
  const publicUrl = "https://vigil.example.com"
  const make = (apiBase: string) => createSms({ accountSid, authToken, number, apiBase, publicUrl })
  const channel = make(server.url)
  const isSend = (asked: { method: string }) => asked.method === "POST"
  const refusal = (status: number, code: number) => ({ status, body: { code, message: "no", status } })
  return {
    channel,
    maxText: channel.capabilities.maxText,
    address: "+15557654321",
    refusal: signatureRefused,
    rest: () => {},
    proofs: {},
    target: "+15557654321",
    credential: authToken,
    async receive({ id, text }, proof) {
      const form = {
        MessageSid: `SM${id}`,
        AccountSid: accountSid,
        From: "+15557654321",
        To: number,
        Body: text,
        NumMedia: "0",
      }
      const url = "/webhooks/twilio"
      const sign = (token: string) => ({
        "x-twilio-signature": getExpectedTwilioSignature(token, `${publicUrl}${url}`, form),
      })
      const headers = proof === "none" ? {} : sign(proof === "right" ? authToken : "another")
      return only(channel.webhook?.incoming({ url, headers, body: new URLSearchParams(form).toString() }))
    },
    fault: (fault) =>
      server.trouble(
        { busy: refusal(429, 20429), refused: refusal(400, 21211), lost: { lose: true } as const }[fault],
        isSend,
      ),
    hold: (until) => server.trouble({ hold: until }, isSend),
    came: () => server.asked.filter(isSend).length,
    read: async () => server.messages.map((sent) => sent.body),
    lonely: make(await nowhere()),
    clear: async () => void server.messages.splice(0),
    faults: async () => oracle && server.faults,
    stop: () => server.stop(),
  }
}

export async function emailSide(): Promise<Side> {
  const server = await startMail()
  const secret = "email-secret-0123456789"
  const make = (smtpUrl: string) =>
    createEmail({ smtpUrl, from: "vigil@example.com", webhookSecret: secret, authservId: AUTHSERV }, { now: () => NOW })
  const channel = make(server.url)
  return {
    channel,
    maxText: channel.capabilities.maxText,
    address: "ana@example.com",
    refusal: signatureRefused,
    rest: () => {},
    proofs: {},
    target: "ana@example.com",
    credential: LOGIN.pass,
    async receive({ id, text }, proof) {
      const raw = mime({ "Message-ID": `<${id}@x>` }, text)
      const headers = proof === "none" ? {} : signed(proof === "right" ? secret : "another", raw, NOW)
      const received = await channel.webhook?.({ url: "/webhooks/email", headers, body: raw, bytes: Buffer.from(raw) })
      return received && "inbound" in received ? [received.inbound] : []
    },
    fault: (fault) =>
      server.trouble(
        { busy: { at: "BODY", reply: 451 }, refused: { at: "BODY", reply: 554 }, lost: { at: "BODY", drop: true } }[
          fault
        ] as Parameters<typeof server.trouble>[0],
      ),
    hold: (until) => server.hold(until),
    came: () => server.bodies(),
    read: async () =>
      await Promise.all(server.mails.map(async ({ raw }) => (await PostalMime.parse(raw)).text?.trim() ?? "")),
    lonely: make((await nowhere()).replace("http", "smtp")),
    clear: async () => void server.mails.splice(0),
    faults: async () => null,
    stop: () => server.stop(),
  }
}

export async function githubSide(): Promise<Side> {
  const repo = "octo/demo"
  const secret = "github-secret-0123456789"
  const server = await startGitHub({ repos: { [repo]: { labels: ["bug"], assignable: ["ana"] } } })
  const oracle = await openGitHubOracle()
  const webhook = createGitHubWebhook({ webhookSecret: secret, repos: [repo] })
  let now = NOW
  const clientOf = (apiUrl: string) =>
    createGitHub({ token: server.token, apiUrl, repos: [repo] }, { throttle: false, clock: { now: () => now } })
  const client = clientOf(server.url)
  const make = (github: typeof client): Sender => ({
    async send({ target, text, signal: until }) {
      const [name = "", number] = target.split("#")
      return { providerId: (await github.addLabels(name, Number(number), [text], until)).join(",") }
    },
    probe: (until) => github.probe(until),
  })
  const isChange = (asked: { method: string }) => asked.method === "POST"
  const refusal = (status: number, message: string) => ({ status, body: { message } })
  server.put(repo, { number: 1, title: "The first" })
  return {
    channel: make(client),
    maxText: 0,
    target: `${repo}#1`,
    address: "",
    credential: server.token,
    refusal: signatureRefused,
    async receive({ id, text }, proof) {
      server.put(repo, { number: id, title: text, updatedAt: NOW })
      const body = asJson(server.payload(repo, id, "opened"))
      const signature =
        proof === "none" ? undefined : await signedByGitHub(proof === "right" ? secret : "another", body)
      const found = await webhook?.({
        url: "/webhooks/github",
        body,
        headers: { "x-github-event": "issues", "x-github-delivery": `d${id}`, "x-hub-signature-256": signature },
      })
      if (!found || "ignored" in found) return []
      const { source, externalId, threadKey } = issueEvent(found, { action: found.action, delivery: found.deliveryId })
      const target = `${found.repo}#${found.number}`
      return [{ channel: "github", source, externalId, threadKey, address: "", text: found.title, target }]
    },
    fault: (fault) =>
      server.trouble(
        {
          busy: { ...refusal(403, "You have exceeded a secondary rate limit"), headers: { "retry-after": "60" } },
          refused: refusal(422, "Validation Failed"),
          lost: { lose: true } as const,
        }[fault],
        isChange,
      ),
    hold: (until) => server.trouble({ hold: until }, isChange),
    rest: () => {
      now = new Date(now.getTime() + 600_000)
    },
    came: () => server.asked.filter(isChange).length,
    read: async () => server.writes.flatMap(({ values }) => values),
    lonely: make(clientOf(await nowhere())),
    clear: async () => {
      server.writes.length = 0
      server.put(repo, { number: 1, title: "The first" })
    },
    faults: async () => oracle && (await Promise.all(server.asked.map((one) => oracle.faults(one)))).flat(),
    stop: () => server.stop(),
    proofs: {
      async wordless() {
        const changes = Object.keys(client).filter((name) => !/^(?:get|list|probe|hooks)/.test(name))
        expect(changes).toEqual(["addLabels", "addAssignee"])
      },
      async "set-like"() {
        const twice = [1, 2].map(() => client.addLabels(repo, 1, ["bug"], signal))
        expect(await Promise.all(twice)).toEqual([["bug"], ["bug"]])
        expect(server.issue(repo, 1).labels).toEqual(["bug"])
      },
      async "no change"() {
        expect(await client.addLabels(repo, 1, [], signal)).toEqual([])
        expect(server.writes).toEqual([])
      },
    },
  }
}

const taken = z.object({ thread: z.uuid(), id: z.uuid() })
const thread = z.object({ messages: z.array(z.object({ id: z.uuid(), from: z.string(), text: z.string() })) })

export async function webSide(): Promise<Side> {
  const h = await house()
  const post = (words: object, headers: Record<string, string> = {}) =>
    h.ask("/api/v1/messages", sending(words, headers))
  const { thread: target } = taken.parse(await (await post({ text: "good morning" })).json())
  const said = async (of: string) =>
    thread
      .parse(await (await h.ask(`/api/v1/threads/${of}/messages?limit=500`)).json())
      .messages.filter(({ from }) => from === "vigil")

  async function send({ id, target: to, text }: Outgoing): Promise<Receipt> {
    await postNotice(h.database.db, { threadId: to, dedupeKey: id, text, now: new Date() })
    return { providerId: (await said(to)).at(-1)?.id ?? "" }
  }
  const unneeded = () => {
    throw new Error("the web has no provider")
  }
  const sender = { send, probe: unneeded }
  return {
    channel: sender,
    maxText: Number.POSITIVE_INFINITY,
    target,
    address: "owner",
    credential: TOKEN,
    refusal: { status: 401 },
    async receive({ id, text }, proof) {
      const authorization = { right: `Bearer ${TOKEN}`, wrong: `Bearer ${TOKEN}x`, none: "" }[proof]
      const answer = await post({ text }, { authorization, "idempotency-key": `words-${id}` })
      if (answer.status !== 202) throw Object.assign(new Error(await answer.text()), { status: answer.status })
      const { id: inboxId, thread: threadId } = taken.parse(await answer.json())
      const rows = await h.database.db.query<Omit<Received, "target">>(sql`
        select inbox.source, external_id as "externalId", threads.channel, threads.target as address, threads.key as "threadKey",
          payload ->> 'text' as text from inbox join threads on threads.id = thread_id where inbox.id = ${inboxId}::uuid`)
      return rows.map((row) => ({ ...row, target: threadId }))
    },
    fault: unneeded,
    hold: unneeded,
    rest: unneeded,
    came: unneeded,
    read: async () => (await said(target)).map(({ text }) => text),
    lonely: sender,
    clear: async () => void (await h.database.db.raw("delete from outbox")),
    faults: async () => null,
    stop: () => h.stop(),
    proofs: {
      /** A reader finds the message after the commit that wrote it. No sender is needed. */
      async ours() {
        await send({ id: "ours", target, text: "hello", signal })
        const rows = await h.database.db.query(sql`select state, attempts from outbox where dedupe_key = 'ours'`)
        expect(rows).toEqual([{ state: "sent", attempts: 0 }])
      },
      async "any length"() {
        const text = "word ".repeat(40_000)
        await send({ id: "long", target, text, signal })
        expect((await said(target)).map((one) => one.text)).toEqual([text])
      },
      async "no such thread"() {
        expect((await post({ text: " \n " })).status).toBe(400)
        expect((await post({ text: "hello", thread: "018f0000-0000-7000-8000-000000000000" })).status).toBe(404)
        expect((await post({ text: "hello", thread: "no body" })).status).toBe(400)
        expect((await post({ text: "x".repeat(20_001) })).status).toBe(400)
      },
    },
  }
}
