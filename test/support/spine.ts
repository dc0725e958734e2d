/** The inside of the product without its edges, on a test database: inbox, leases, executor, worker and sender. */

import { createBudget } from "../../src/agent/durable/budget.ts"
import { createExecute } from "../../src/agent/durable/execute.ts"
import type { Handler } from "../../src/agent/durable/run-context.ts"
import { newId } from "../../src/base/ids.ts"
import { OWNER_LABEL } from "../../src/base/label.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Channel, ChannelId } from "../../src/channels/channel.ts"
import type { Db } from "../../src/db/db.ts"
import type { Opened } from "../../src/db/migrate.ts"
import type { Model } from "../../src/model/model.ts"
import { openBoss } from "../../src/queue/boss.ts"
import { createNotifier } from "../../src/queue/notifier.ts"
import { createQueue } from "../../src/queue/queue.ts"
import type { Event } from "../../src/thread/inbox/event.ts"
import { createInbox } from "../../src/thread/inbox/inbox.ts"
import { createOutbox } from "../../src/thread/outbox/outbox.ts"
import { createPeople, OWNER_ID } from "../../src/thread/people/people.ts"
import { createLeases } from "../../src/thread/runs/lease.ts"
import type { Tool } from "../../src/tools/tool.ts"
import { createSender } from "../../src/worker/sending/sender.ts"
import { startWorker } from "../../src/worker/worker.ts"

export interface SpineOptions {
  db: Opened
  model?: Model
  tools?: Tool[]
  handlers?: Partial<Record<Event["kind"], Handler>>
  channels?: Channel[]
  now?: () => Date
}

/** A model that gives prepared answers in order, and keeps what it was asked. */
export function scriptedModel(answers: (string | { call: string; args: unknown })[]): Model & { asked: unknown[] } {
  const asked: unknown[] = []
  let at = 0
  return {
    asked,
    identity: { provider: "scripted", model: "scripted", because: "a test" },
    offline: false,
    estimate: () => null,
    tokens: (text) => Math.ceil(text.length / 4),
    async ask(request) {
      asked.push(structuredClone({ ...request, signal: undefined }))
      const answer = answers[at++]
      if (answer === undefined) throw new Error("the script has no more answers")
      const usage = { input: 10, cached: 0, output: 5 }
      const base = { usage, cost: 0, provider: "scripted", model: "scripted" }
      if (typeof answer === "string") return { ...base, text: answer, toolCalls: [], finish: "stop" as const }
      const toolCalls = [{ id: `call_${at}`, name: answer.call, arguments: JSON.stringify(answer.args) }]
      return { ...base, text: "", toolCalls, finish: "tool_calls" as const }
    },
  }
}

/** Answers each message of a run with `echo: …`, without a model. */
export const echo: Handler = {
  takesMore: true,
  async run(context) {
    const first = context.run.events.map((event) => (event.payload as { text: string }).text)
    const more = (await context.steps.steer()).map((said) => said.text)
    const text = `echo: ${[...first, ...more].join(" + ")}`
    return { model: null, posts: [{ threadId: context.thread.id, dedupeKey: `run:${context.run.id}:reply`, text }] }
  },
}

export async function spine(options: SpineOptions) {
  const { db } = options
  const clock = { now: options.now ?? (() => new Date()) }
  const notifier = await createNotifier()
  const boss = openBoss(db, { backend: "postgres", worker: false })
  const queue = await createQueue({ boss, log: silentLog, shared: false })
  const people = createPeople({ db, clock, newId })
  await people.ensureOwner({ phone: "+15550001111", timezone: "America/New_York" })
  const inbox = createInbox({ db, queue, notifier, clock, newId })
  const leases = leasesOf(db)
  const outbox = createOutbox(db)
  const channels = new Map<ChannelId, Channel>((options.channels ?? []).map((channel) => [channel.id, channel]))
  const live = new Set<ChannelId>(["web", ...channels.keys()])
  const model = options.model ?? scriptedModel([])
  const budget = createBudget({ db, caps: {}, estimate: model.estimate, today: () => "2026-11-22" })
  const tools = new Map((options.tools ?? []).map((tool) => [tool.name, tool]))
  const handlers = { message: echo, command: echo, issue: echo, due: echo, hook: echo, ...options.handlers }
  const execute = createExecute({
    db,
    clock,
    newId,
    random: Math.random,
    log: silentLog,
    model,
    budget,
    people,
    tools,
    handlers,
    live,
    scrub: (text) => text,
    defaultZone: "UTC",
  })
  const sender = createSender({ outbox, channels, notifier, clock, log: silentLog })
  const work = () =>
    startWorker({ leases, execute, notifier, log: silentLog, concurrency: 4, chores: { outbox: () => sender.sweep() } })
  return {
    db,
    notifier,
    queue,
    people,
    inbox,
    leases,
    outbox,
    execute,
    sender,
    work,
    /** Claims and runs until nothing is ready; returns how many claims it took. */
    async settle(threadId?: string): Promise<number> {
      for (let claims = 0; ; claims++) {
        const claim = await leases.claim(threadId)
        if (!claim) return claims
        if (claim.run) await execute({ ...claim, run: claim.run }, new AbortController().signal)
        else await leases.release(claim.fence)
      }
    },
    async stop() {
      await sender.stop()
      await queue.stop()
      await notifier.stop()
    },
  }
}

export function leasesOf(db: Db) {
  return createLeases({ db, owner: newId(), newRunId: newId, codeVersion: "test" })
}

let count = 0

/** A text of the owner's. */
export function text(words: string, event: Partial<Event> = {}): Event {
  return {
    source: "test",
    externalId: String(++count),
    kind: "message",
    channel: "web",
    threadKey: "web:owner",
    target: "owner",
    personId: OWNER_ID,
    label: OWNER_LABEL,
    payload: { text: words },
    ...event,
  }
}
