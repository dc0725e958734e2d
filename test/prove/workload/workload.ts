/**
 * Workload: everything outside the product, in a process of its own: a model, three channels and GitHub, the people who write
 * and answer, and by chance all that goes wrong between them. What it saw is in the ledger.
 */
import { z } from "zod"
import { createRandom } from "../../durability/random.ts"
import { startScriptedModel } from "../../durability/scripted-model.ts"
import { start as startGitHub } from "../../support/github-stand-in.ts"
import type { StandIn } from "../../support/stand-in.ts"
import { type SentMessage, start as startTelegram } from "../../support/telegram-stand-in.ts"
import { type StoredMessage, start as startTwilio } from "../../support/twilio-stand-in.ts"
import { type Lane, lanesOf, OWNER, PUBLIC_URL, SECRET, sidOf, smsLane, telegramLane } from "./conversations.ts"
import { createDelivery } from "./delivery.ts"
import { injectFaults } from "./injector.ts"
import { openLedger } from "./ledger.ts"

export const workloadOptions = z.object({
  seed: z.number(),
  /** Where the ledger is. */
  ledger: z.string(),
  /** Shares of requests and deliveries that something happens to. */
  odds: z.object({
    lost: z.number(),
    refused: z.number(),
    slow: z.number(),
    repeated: z.number(),
    overtaking: z.number(),
    /** Of the messages, those that come with an issue. */
    issues: z.number(),
  }),
  /** Milliseconds that one in ten answers of the model takes; the others take up to 40. */
  thinkingMs: z.number(),
})
export type WorkloadOptions = z.infer<typeof workloadOptions>

export interface Workload {
  /** For a process of the product that lives in this workload. */
  env: Record<string, string>
  setTargets(targets: string[]): void
  /** People write `count` more messages. */
  write(count: number): void
  status(): { written: number; waiting: number; unanswered: number; threads: number }
  /** Nothing goes wrong any more. */
  calm(): void
  stop(): Promise<void>
}

const REPO = "octo/demo"
const HARVEST_MS = 30
/** Numbers of answers begin here, those of messages below. */
const FIRST_ANSWER = 10_000_000
/** One answer in so many takes long enough to be killed in. */
const LONG_THOUGHT = 10
/** Share of text messages that a delivery report is sent for. */
const REPORTED = 0.3
const MAX_BURST = 4
const RECENT_MS = 60_000
/** Who waits for so many answers writes no more: a run that is told something new again and again meets its limit. */
const PATIENT = 6
const QUESTION = /^([A-Z0-9]{2}): .*?octo\/demo#(\d+) [\s\S]*Reply \1 OK or \1 NO/

export async function createWorkload(options: WorkloadOptions): Promise<Workload> {
  const { odds } = options
  const random = createRandom(options.seed)
  const ledger = openLedger(options.ledger)
  const labelledAt: number[] = []
  const model = await startScriptedModel((no) => (no % LONG_THOUGHT === 0 ? options.thinkingMs : (no * 7) % 40))
  const telegram = await startTelegram()
  const twilio = await startTwilio()
  const hub = await startGitHub({
    repos: { [REPO]: { labels: ["bug", "feature", "question"] } },
    // Called as a label is put on, after it was written down.
    now: () => {
      while (labelledAt.length < (hub?.writes.length ?? 0)) labelledAt.push(Date.now())
      return new Date()
    },
  })
  const delivery = createDelivery(ledger, random, odds)
  const lanes = lanesOf(twilio, Number(telegram.token.split(":")[0]))
  const owners = [
    smsLane(twilio, OWNER.phone),
    telegramLane("", OWNER.telegram, { id: OWNER.telegram, type: "private" }),
  ]
  const writtenAt = new Map<string, number>()
  /** Messages of each lane that have no answer yet. */
  const openOn = new Map<string, Set<string>>()
  const asked = new Set<string>()
  let written = 0
  let answers = FIRST_ANSWER

  const parties: [StandIn, object, (path: string) => boolean][] = [
    [model, { error: { message: "the server had an error" } }, (path) => path.endsWith("/chat/completions")],
    [telegram, { ok: false, error_code: 500, description: "Internal Server Error" }, (path) => /send|edit/.test(path)],
    [twilio, { code: 20500, message: "Internal Server Error", status: 500 }, (path) => path.endsWith("/Messages.json")],
    [hub, { message: "Server Error" }, () => true],
  ]
  const ends = parties.map(([party, body, isOurs]) =>
    injectFaults(party, { status: 500, body }, { odds, random, concerns: ({ url }) => isOurs(url.pathname) }),
  )

  function writeOn(lane: Lane): void {
    const number = ++written
    const tag = `job-${number}`
    writtenAt.set(tag, Date.now())
    openOn.set(lane.name, (openOn.get(lane.name) ?? new Set()).add(tag))
    void delivery.deliver(lane.name, tag, lane.say(`please do ${tag}`, number))
    if (random() < odds.issues) report(number)
  }

  function report(number: number): void {
    hub.put(REPO, { number, title: `The page breaks, issue ${number}`, body: `Seen at ${number}.` })
    const payload = hub.payload(REPO, number, "opened")
    const about = { event: "issues", payload, secret: SECRET, id: `delivery-${number}` }
    const tag = `issue-${number}`
    writtenAt.set(tag, Date.now())
    void delivery.deliver(tag, tag, (target) => hub.deliver(`${target}/webhooks/github`, about))
  }

  /** The owner reads a question once, and answers it by the number of its issue, somewhere. */
  function consider(text: string): void {
    const [, code = "", issue = ""] = QUESTION.exec(text) ?? []
    if (code === "" || asked.has(`${code} ${issue}`)) return
    asked.add(`${code} ${issue}`)
    const verdict = Number(issue) % 3 === 0 ? "NO" : "OK"
    const number = ++answers
    const isText = random() < 0.5
    const lane = owners[isText ? 0 : 1]
    if (!lane) return
    void delivery
      .deliver(`answer-${number}`, isText ? sidOf(number) : String(number), lane.say(`${code} ${verdict}`, number))
      .then(() => ledger.write({ kind: "verdict", issue: Number(issue), verdict, at: Date.now() }))
  }

  const seen = { telegram: 0, twilio: 0, labels: 0, model: 0 }
  function harvest(): void {
    for (; seen.telegram < telegram.sent.length; seen.telegram++) hearTelegram(telegram.sent[seen.telegram])
    for (; seen.twilio < twilio.messages.length; seen.twilio++) hearText(twilio.messages[seen.twilio])
    for (const { number } of hub.writes.slice(seen.labels)) {
      const at = labelledAt[seen.labels++] ?? Date.now()
      ledger.write({ kind: "label", op: `${REPO}#${number}`, issue: number, at })
    }
    for (const { no, question, at } of model.calls.slice(seen.model))
      ledger.write({ kind: "asked", no, op: question, at: at.getTime() })
    seen.model = model.calls.length
    // Only what is judged is kept: requests are large.
    for (const [party] of parties) party.asked.length = 0
  }

  function hearTelegram(message: SentMessage | undefined): void {
    if (!message) return
    const { text, chat, at } = message
    ledger.write({ kind: "message", channel: "telegram", op: "", text, at })
    if (chat === OWNER.telegram) consider(text)
  }

  function hearText(message: StoredMessage | undefined): void {
    if (message?.direction !== "outbound-api") return
    const op = new URL(message.fields.StatusCallback ?? PUBLIC_URL).searchParams.get("o") ?? ""
    ledger.write({ kind: "message", channel: "sms", op, text: message.body, at: message.createdAt.getTime() })
    message.status = "sent"
    if (message.to === OWNER.phone) consider(message.body)
    if (random() < REPORTED) reportDelivery(message.sid)
  }

  /** How many answers somebody waits for on a lane. */
  function openNow(name: string): number {
    const open = openOn.get(name)
    for (const tag of open ?? []) if (!writtenAt.has(tag) || model.answered.has(tag)) open?.delete(tag)
    return open?.size ?? 0
  }

  /** Of the last minute: what was given up is never answered. */
  function unanswered(): number {
    let count = 0
    for (const [tag, at] of writtenAt) {
      if (model.answered.has(tag) || Date.now() - at > RECENT_MS) writtenAt.delete(tag)
      else count++
    }
    return count
  }

  function reportDelivery(sid: string): void {
    const target = delivery.targets[0]
    if (target !== undefined) twilio.report(sid, "delivered", { deliverTo: target }).catch(() => {})
  }

  const timer = setInterval(harvest, HARVEST_MS)
  return {
    env: {
      PUBLIC_URL,
      MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      VIGIL_TOKEN: SECRET,
      LOG_LEVEL: "error",
      OWNER_TIMEZONE: "America/New_York",
      OPENAI_BASE_URL: `${model.url}/v1`,
      OPENAI_API_KEY: "a-key-of-the-test",
      VIGIL_MODEL: "scripted",
      VIGIL_PROBE_LOCAL: "0",
      VIGIL_SEND_PACE: "off",
      TELEGRAM_WEBHOOK_SECRET: SECRET,
      ...telegram.env,
      OWNER_TELEGRAM_ID: String(OWNER.telegram),
      ...twilio.env,
      OWNER_PHONE: OWNER.phone,
      GITHUB_TOKEN: hub.token,
      GITHUB_API_URL: hub.url,
      GITHUB_WEBHOOK_SECRET: SECRET,
      GITHUB_REPOS: REPO,
    },
    setTargets(targets) {
      delivery.targets = targets
    },
    write(count) {
      for (let left = count; left > 0; ) {
        const quiet = lanes.filter(({ name }) => openNow(name) < PATIENT)
        const lane = quiet[Math.floor(random() * quiet.length)]
        const burst = Math.min(left, 1 + Math.floor(random() * MAX_BURST))
        left -= burst
        for (let one = 0; lane && one < burst; one++) writeOn(lane)
      }
    },
    status: () => ({
      written,
      waiting: delivery.waiting(),
      unanswered: unanswered(),
      threads: lanes.length,
    }),
    calm() {
      delivery.calm()
      for (const end of ends) end()
    },
    async stop() {
      await delivery.stop()
      clearInterval(timer)
      harvest()
      await Promise.all([model.stop(), telegram.stop(), twilio.stop(), hub.stop()])
    },
  }
}
