/** World: everything outside the killed process: a model, two channels and GitHub, and the people who write through them. */
import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "drizzle-orm"
import type { Db } from "../../src/db/db.ts"
import { brokenLinks } from "../../src/journal/journal.ts"
import { start as startGitHub } from "../support/github-stand-in.ts"
import { start as startTelegram } from "../support/telegram-stand-in.ts"
import { start as startTwilio } from "../support/twilio-stand-in.ts"
import type { Acknowledged, Evidence, JournalRow } from "./checker.ts"
import { startScriptedModel } from "./scripted-model.ts"

const REPO = "octo/demo"
const PUBLIC_URL = "http://vigil.test"
const OWNER_TELEGRAM = 4242
const OWNER_PHONE = "+15557654321"
const SECRET = "0123456789abcdef0123456789abcdef"
const AGAIN_MS = 100

export interface World {
  /** For a process that lives in this world. */
  env: Record<string, string>
  /** The owner writes job `tag` on a channel; sent until some process acknowledges it. */
  write(lane: "telegram" | "sms" | "web", tag: number): void
  /** Issue `tag` appears at GitHub, and its webhook is delivered until it is acknowledged. */
  report(tag: number): void
  /** What was written and is not acknowledged, or not answered by the model yet. */
  open(): string[]
  /** Whether all that was written is acknowledged, and its answers were given. */
  isAnswered(): boolean
  /** Tags of replies that reached their channel. */
  arrivedTags(): Set<string>
  acknowledged: readonly Acknowledged[]
  /** After the last process: what the database and the world hold. */
  evidence(db: Db): Promise<Evidence>
  /** No more deliveries. */
  stop(): Promise<void>
}

/** @param doors addresses of the processes that may be up, any of which takes a message. */
export async function createWorld(doors: () => string[], random: () => number): Promise<World> {
  const labelledAt: Date[] = []
  const model = await startScriptedModel((no) => (no * 7) % 40)
  const telegram = await startTelegram()
  const twilio = await startTwilio()
  const hub = await startGitHub({
    repos: { [REPO]: { labels: ["bug", "feature", "question"] } },
    now: () => {
      const now = new Date()
      while (labelledAt.length < (hub?.writes.length ?? 0)) labelledAt.push(now)
      return now
    },
  })
  const acknowledged: Acknowledged[] = []
  const written: string[] = []
  const lanes = new Map<string, Promise<void>>()
  const stopped = new AbortController()
  // Twilio lists a message as sent a moment after it took it.
  const carrier = setInterval(() => {
    for (const message of twilio.messages) if (message.status === "queued") message.status = "sent"
  }, 20)

  /** One after the other on a lane, each again and again until somebody takes it, as senders of webhooks do. */
  function deliver(lane: string, tag: string, post: (door: string) => Promise<Response | null>): void {
    written.push(tag)
    const before = lanes.get(lane) ?? Promise.resolve()
    const until = async () => {
      while (!stopped.signal.aborted) {
        const all = doors()
        const door = all[Math.floor(random() * all.length)]
        const response = door === undefined ? null : await post(door).catch(() => null)
        if (response?.ok) return void acknowledged.push({ lane, tag })
        await sleep(AGAIN_MS)
      }
    }
    lanes.set(lane, before.then(until))
  }

  const posts = {
    telegram: (tag: number) => {
      const message = {
        message_id: tag,
        date: 1_700_000_000,
        chat: { id: OWNER_TELEGRAM, type: "private" },
        from: { id: OWNER_TELEGRAM, is_bot: false, first_name: "O" },
        text: `please do job-${tag}`,
      }
      const headers = { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET }
      const body = JSON.stringify({ update_id: tag, message })
      return (door: string) => fetch(`${door}/webhooks/telegram`, { method: "POST", headers, body })
    },
    sms: (tag: number) => (door: string) =>
      twilio.receive({
        from: OWNER_PHONE,
        body: `please do job-${tag}`,
        webhookUrl: `${PUBLIC_URL}/webhooks/twilio`,
        deliverTo: door,
        sid: `SM${String(tag).padStart(32, "f")}`,
      }),
    web: (tag: number) => {
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${SECRET}`,
        "idempotency-key": `web-${tag}`,
      }
      const body = JSON.stringify({ text: `please do job-${tag}`, thread: "new" })
      return (door: string) => fetch(`${door}/api/v1/messages`, { method: "POST", headers, body })
    },
  }

  function open(): string[] {
    const taken = new Set(acknowledged.map(({ tag }) => tag))
    return written.flatMap((tag) =>
      taken.has(tag) ? (model.answered.has(tag) ? [] : [`${tag} unanswered`]) : [`${tag} not taken`],
    )
  }

  function arrived(): Evidence["arrived"] {
    const heard = [
      ...telegram.sent.map(({ text }) => ({ channel: "telegram", tags: tagsOf(text) })),
      ...twilio.messages
        .filter(({ direction }) => direction === "outbound-api")
        .map(({ body }) => ({ channel: "sms", tags: tagsOf(body) })),
    ]
    return heard.filter(({ tags }) => tags.length > 0)
  }

  return {
    env: {
      PUBLIC_URL,
      MASTER_KEY: Buffer.alloc(32, 7).toString("base64"),
      VIGIL_TOKEN: SECRET,
      LOG_LEVEL: "warn",
      OWNER_TIMEZONE: "America/New_York",
      OPENAI_BASE_URL: `${model.url}/v1`,
      OPENAI_API_KEY: "a-key-of-the-test",
      VIGIL_MODEL: "scripted",
      VIGIL_PROBE_LOCAL: "0",
      TELEGRAM_BOT_TOKEN: telegram.token,
      TELEGRAM_WEBHOOK_SECRET: SECRET,
      TELEGRAM_API_ROOT: telegram.url,
      OWNER_TELEGRAM_ID: String(OWNER_TELEGRAM),
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: twilio.authToken,
      TWILIO_NUMBER: twilio.number,
      TWILIO_API_BASE: twilio.url,
      OWNER_PHONE,
      GITHUB_TOKEN: hub.token,
      GITHUB_API_URL: hub.url,
      GITHUB_WEBHOOK_SECRET: SECRET,
      GITHUB_REPOS: REPO,
    },
    acknowledged,
    write(lane, tag) {
      deliver(lane === "web" ? `web-${tag}` : lane, `job-${tag}`, posts[lane](tag))
    },
    report(tag) {
      hub.put(REPO, { number: tag, title: `The page breaks, issue ${tag}`, body: `Seen at ${randomUUID()}.` })
      const payload = hub.payload(REPO, tag, "opened")
      const id = randomUUID()
      deliver(`issue-${tag}`, `issue-${tag}`, (door) =>
        hub.deliver(`${door}/webhooks/github`, { event: "issues", payload, secret: SECRET, id }),
      )
    },
    open,
    isAnswered: () => open().length === 0,
    arrivedTags: () => new Set(arrived().flatMap(({ tags }) => tags)),
    async evidence(db) {
      const held = await inDatabase(db, acknowledged)
      const labelled = hub.writes.flatMap(({ kind, number }, index) => {
        const at = labelledAt[index]
        return kind === "labels" && at ? [{ issue: number, at }] : []
      })
      return { ...held, acknowledged: [...acknowledged], asked: model.calls, labelled, arrived: arrived() }
    },
    async stop() {
      stopped.abort()
      clearInterval(carrier)
      await Promise.all(lanes.values())
      await Promise.all([model.stop(), telegram.stop(), twilio.stop(), hub.stop()])
    },
  }
}

async function inDatabase(
  db: Db,
  acknowledged: readonly Acknowledged[],
): Promise<Omit<Evidence, "acknowledged" | "asked" | "labelled" | "arrived">> {
  const inbox = await db.query<Evidence["inbox"][number] & { text: string | null; issue: string | null }>(sql`
    select payload ->> 'text' as text, payload -> 'issue' ->> 'number' as issue, thread_id as "threadId", seq, state,
      run_id as "runId" from inbox where state <> 'recorded' order by received_at`)
  const tagged = inbox.map((row) => ({ ...row, tag: row.issue ? `issue-${row.issue}` : (jobOf(row.text ?? "") ?? "") }))
  const outbox = await db.query<Evidence["outbox"][number] & { text: string }>(sql`
    select thread_id as "threadId", seq, channel, state, attempts, body ->> 'text' as text from outbox order by seq`)
  const rows = await db.query<{ name: string; times: number }>(sql`
    select action ->> 'text' as name, count(*) as times from automations where action ->> 'text' like 'Reminder number %' group by 1
    union all select text, count(*) from memories where text like 'Fact number %' group by 1`)
  const wanted = acknowledged.flatMap(({ tag }) => {
    const number = /^job-(\d+)$/.exec(tag)?.[1]
    return number ? [`Reminder number ${number}`, `Fact number ${number} of the long list`] : []
  })
  return {
    inbox: tagged,
    runs: await db.query(sql`
      select id, thread_id as "threadId", state, attempts, started_at as "startedAt", ended_at as "endedAt" from runs`),
    journal: await journalOf(db, tagged),
    outbox: outbox.map((row) => ({ ...row, tags: tagsOf(row.text) })),
    rows: wanted.map((name) => rows.find((row) => row.name === name) ?? { name, times: 0 }),
    held: (await db.query<{ key: string }>(sql`select key from threads where owner is not null`)).map(({ key }) => key),
    broken: (await brokenLinks(db)).map(({ id }) => id),
  }
}

async function journalOf(db: Db, inbox: Evidence["inbox"]): Promise<JournalRow[]> {
  const rows = await db.query<Omit<JournalRow, "answer" | "issue"> & { result: unknown }>(sql`
    select run_id as "runId", n, phase, kind, name, epoch, at, result from journal order by id`)
  return rows.map(({ result, ...row }) => {
    const said = JSON.stringify(result ?? null)
    const answer = row.kind === "model" ? /"c\d+[a-z]-(\d+)"|\(answer (\d+)\)/.exec(said) : null
    const isApplied = row.name === "apply_triage" && /"ok": ?true/.test(said)
    const tag = isApplied ? inbox.find(({ runId }) => runId === row.runId)?.tag : undefined
    return {
      ...row,
      answer: answer ? Number(answer[1] ?? answer[2]) : null,
      issue: tag ? Number(tag.replace("issue-", "")) : null,
    }
  })
}

function jobOf(text: string): string | undefined {
  return /please do (job-\d+)/.exec(text)?.[1]
}

/** Jobs that a reply says are done. */
function tagsOf(text: string): string[] {
  return [...text.matchAll(/done (job-\d+) \(/g)].map((match) => match[1] ?? "")
}
