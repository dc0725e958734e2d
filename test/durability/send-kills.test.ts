/**
 * A sender dies at each of its moments in turn, over the real channels: before and after every statement, so also after the
 * provider took a part and before anyone wrote that down. The next one goes on. Every part arrives; none arrives twice where the
 * provider can be asked or shows it once; where it cannot, the copy says so; and what stays in doubt is the owner's to decide.
 * What goes to GitHub is changed by a run instead, which dies in the same way: the issue itself says what happened.
 */
import { sql } from "drizzle-orm"
import PostalMime from "postal-mime"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { createBudget } from "../../src/agent/durable/budget.ts"
import { createExecute } from "../../src/agent/durable/execute.ts"
import { idOf, newId } from "../../src/base/ids.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Channel } from "../../src/channels/channel.ts"
import { createEmail } from "../../src/channels/email/email.ts"
import type { GitHub } from "../../src/channels/github/client.ts"
import { createSms } from "../../src/channels/sms/sms.ts"
import { createTelegram } from "../../src/channels/telegram/telegram.ts"
import type { Db } from "../../src/db/db.ts"
import { createNotifier } from "../../src/queue/notifier.ts"
import { messagesOf } from "../../src/thread/outbox/conversation.ts"
import { createOutbox, postNotice } from "../../src/thread/outbox/outbox.ts"
import { settleUncertain, uncertainDeliveries } from "../../src/thread/outbox/uncertain-deliveries.ts"
import { createTriage, createTriageTools } from "../../src/triage/triage.ts"
import { createSender } from "../../src/worker/sending/sender.ts"
import { createThrottle } from "../../src/worker/sending/throttle.ts"
import { start as startMail } from "../support/mail-stand-in.ts"
import { ownDatabase } from "../support/own.ts"
import { movableClock } from "../support/schedule.ts"
import { leasesOf, scriptedModel } from "../support/spine.ts"
import { start as startTelegram } from "../support/telegram-stand-in.ts"
import { start as startTwilio } from "../support/twilio-stand-in.ts"
import { type Harness, harness, REPO } from "../triage/harness.ts"
import { type CrashState, crashing } from "./crashing-database.ts"

const clock = movableClock(new Date().toISOString())
const database = await ownDatabase()
afterEach(() => database.db.raw("delete from outbox"))

interface Arrived {
  /** The provider's own name for it, or the one that makes two the same to a reader. */
  id: string
  text: string
}

interface Side {
  channel: Channel
  target: string
  /** What a person has, copies too. */
  arrived(): Promise<Arrived[]>
  /** The next message is taken, and its answer lost. */
  lose(): void
  clear(): void
  stop(): Promise<void>
}

async function telegramSide(): Promise<Side> {
  const server = await startTelegram()
  return {
    channel: createTelegram({ token: server.token, apiRoot: server.url }),
    target: "42",
    arrived: async () => server.sent.map(({ messageId, text }) => ({ id: String(messageId), text })),
    lose: () => server.trouble({ lose: true }, ({ url }) => url.pathname.endsWith("/sendMessage")),
    clear: () => void server.sent.splice(0),
    stop: () => server.stop(),
  }
}

async function smsSide(): Promise<Side> {
  const server = await startTwilio({ now: clock.now })
  const { accountSid, authToken, number, url } = server
  return {
    channel: createSms({ accountSid, authToken, number, apiBase: url }, clock),
    target: "+15552223333",
    arrived: async () => server.messages.map(({ sid, body }) => ({ id: sid, text: body })),
    lose: () => server.trouble({ lose: true }, ({ method }) => method === "POST"),
    clear: () => void server.messages.splice(0),
    stop: () => server.stop(),
  }
}

async function emailSide(): Promise<Side> {
  const server = await startMail()
  return {
    channel: createEmail({ smtpUrl: server.url, from: "vigil@example.com" }, clock),
    target: "ana@example.com",
    arrived: async () => {
      const read = await Promise.all(server.mails.map(({ raw }) => PostalMime.parse(raw)))
      return read.map(({ messageId = "", text = "" }) => ({ id: messageId, text }))
    },
    lose: () => server.trouble({ at: "BODY", drop: true }),
    clear: () => void server.mails.splice(0),
    stop: () => server.stop(),
  }
}

/** Three messages on Telegram, more as texts, one mail. */
const WORDS = Array.from({ length: 1600 }, (_, n) => `w${n}`)
const wordsIn = (text: string) => text.match(/w\d+/g) ?? []

/** A message that waits on a thread of its own. */
async function post(channel: Channel, target: string, text: string): Promise<string> {
  const key = `${channel.id}:${newId()}`
  const id = idOf(key)
  await database.db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${id}, ${channel.id}, ${key}, ${target}, ${clock.now()})`,
  )
  await postNotice(database.db, { threadId: id, dedupeKey: newId(), text, urgency: "due", now: clock.now() })
  return id
}

async function senderOn(db: Db, channel: Channel) {
  return createSender({
    outbox: createOutbox(db),
    channels: new Map([[channel.id, channel]]),
    notifier: await createNotifier(),
    clock,
    log: silentLog,
    throttle: createThrottle({ db, clock }),
  })
}

const stateOf = async (threadId: string) =>
  (await database.db.query<{ state: string }>(sql`select state from outbox where thread_id = ${threadId}`)).map(
    ({ state }) => state,
  )

/** The process starts again: whoever was sending is dead, and what waits is sent. */
async function restart(channel: Channel, threadId: string): Promise<void> {
  await createOutbox(database.db).dropAll()
  const sender = await senderOn(database.db, channel)
  for (
    let n = 0;
    n < 12 && (await stateOf(threadId)).some((state) => state === "pending" || state === "sending");
    n++
  ) {
    await sender.sweep()
    await sender.deliver(threadId)
    clock.pass(60_000)
  }
  await sender.stop()
}

describe.each([
  ["telegram", telegramSide, 3],
  ["sms", smsSide, 6],
  ["email", emailSide, 1],
] as const)("%s", (id, open, parts) => {
  let side: Side
  beforeAll(async () => {
    side = await open()
  })
  afterAll(() => side.stop())
  afterEach(() => side.clear())

  /** One life, from its first moment to its death; says whether it met it. */
  async function live(death: number, threadId: string): Promise<boolean> {
    const { db, life } = crashing(database.db, death)
    const sender = await senderOn(db, side.channel)
    await sender.deliver(threadId)
    await sender.stop()
    return life.isOver
  }

  /** What arrived is all of the message, in order; copies only where they are allowed, and then they say so. */
  async function expectWhole(when: string): Promise<void> {
    const all = await side.arrived()
    const distinct = all.filter(
      ({ text }, index) => all.findIndex((one) => wordsIn(one.text)[0] === wordsIn(text)[0]) === index,
    )
    expect(
      distinct.flatMap(({ text }) => wordsIn(text)),
      when,
    ).toEqual(WORDS)
    if (id === "sms") expect(all.length, when).toBe(distinct.length)
    if (id === "email") expect(new Set(all.map((one) => one.id)).size, when).toBe(1)
    if (id === "telegram" && all.length > distinct.length) {
      expect(all.length - distinct.length, when).toBe(1)
      expect(all.at(-1)?.text, when).toContain("Sent again")
    }
  }

  test("whatever moment the sender dies at, the message arrives whole", async () => {
    let met = 0
    for (let death = 1; ; death++) {
      const threadId = await post(side.channel, side.target, WORDS.join(" "))
      const isDead = await live(death, threadId)
      clock.pass(3_700_000)
      if (isDead) await restart(side.channel, threadId)
      expect(await stateOf(threadId), `death at ${death}`).toEqual(["sent"])
      await expectWhole(`death at ${death}`)
      side.clear()
      await database.db.raw("delete from outbox")
      if (!isDead) break
      met++
    }
    // Before and after taking it, being let through, each part, and being done.
    expect(met).toBeGreaterThanOrEqual(6 + 2 * parts)
  })

  test("a provider that takes it and never says so is asked, or gets one more, and then the owner is", async () => {
    const threadId = await post(side.channel, side.target, "w0 is short")
    side.lose()
    const first = await senderOn(database.db, side.channel)
    await first.deliver(threadId)
    await first.stop()
    const arrived = (await side.arrived()).length
    if (id === "email") expect(arrived).toBeLessThanOrEqual(1)
    else expect(arrived).toBe(1)
    if (id === "sms") return expect(await stateOf(threadId)).toEqual(["sent"])
    side.lose()
    clock.pass(600_000)
    await restart(side.channel, threadId)
    expect(await stateOf(threadId)).toEqual(["uncertain"])
    expect(await uncertainDeliveries(database.db)).toMatchObject([{ threadId, channel: id, text: "w0 is short" }])
  })

  test.each([
    ["yes", "sent", 0],
    ["again", "sent", 1],
    ["no", "failed", 0],
  ] as const)("a doubt that the owner answers with %s is %s", async (verdict, state, more) => {
    const threadId = await post(side.channel, side.target, "w0 is short")
    await database.db.query(sql`update outbox set state = 'uncertain', attempts = 2 where thread_id = ${threadId}`)
    const [doubt] = await uncertainDeliveries(database.db)
    expect(await settleUncertain(database.db, doubt?.id ?? "", verdict, clock.now())).toBe(threadId)
    expect(await settleUncertain(database.db, doubt?.id ?? "", verdict, clock.now())).toBeNull()
    clock.pass(60_000)
    await restart(side.channel, threadId)
    expect(await stateOf(threadId)).toEqual([state])
    expect((await side.arrived()).length).toBe(more)
    expect(await uncertainDeliveries(database.db)).toEqual([])
  })
})

test("on the web a message is there in the commit that put it there: nobody can die in between", async () => {
  const key = `web:${newId()}`
  const threadId = idOf(key)
  await database.db.query(
    sql`insert into threads (id, channel, key, target, created_at) values (${threadId}, 'web', ${key}, 'owner', ${clock.now()})`,
  )
  await postNotice(database.db, { threadId, dedupeKey: newId(), text: WORDS.join(" "), now: clock.now() })
  expect(await stateOf(threadId)).toEqual(["sent"])
  expect(await messagesOf(database.db, threadId, { limit: 10 })).toMatchObject([{ text: WORDS.join(" ") }])
})

describe("github", () => {
  let h: Harness
  beforeAll(async () => {
    h = await harness()
    await h.rotas.set(h.db, "*", { start: "2026-01-01", everyDays: 7, logins: ["ana"] })
  })
  afterAll(() => h.stop())

  /** One life of a worker, whose run dies at a moment of the database's, or with a call to GitHub. */
  async function live(death: number, call: Death | null): Promise<CrashState> {
    const { db, life } = crashing(h.db, death)
    const leases = leasesOf(db)
    const parts = { ...h, github: () => dying(h, life, call) }
    const execute = createExecute({
      db,
      clock: { now: () => new Date() },
      newId,
      random: Math.random,
      log: silentLog,
      model: scriptedModel([]),
      budget: createBudget({ db, caps: {}, estimate: () => null, today: () => "2026-11-22" }),
      people: h.s.people,
      tools: new Map(createTriageTools(parts).map((tool) => [tool.name, tool])),
      handlers: { ...NOT_HERE, issue: createTriage({ ...parts, offline: true }) },
      live: new Set(["web"]),
      scrub: (text) => text,
      defaultZone: "UTC",
    })
    const claim = await leases.claim().catch(() => null)
    if (claim?.run)
      await execute({ ...claim, run: claim.run }, new AbortController().signal).catch((error: unknown) => {
        if (!life.isOver) throw error
      })
    return life
  }

  /** The label and the assignee are there, once each, and the decision says so. */
  async function expectOnce(number: number, when: string): Promise<void> {
    const client = h.clients.get(REPO)
    const changes = await client?.listChanges(REPO, number, new AbortController().signal)
    expect(changes, when).toMatchObject([
      { action: "labeled", label: "bug" },
      { action: "assigned", assignee: "ana" },
    ])
    expect(await h.decisions.forIssue(REPO, number), when).toMatchObject({ state: "applied", assignee: "ana" })
  }

  async function dieAt(death: number, call: Death | null): Promise<boolean> {
    const when = call ? `call ${call.at}, ${call.after ? "after" : "before"} it` : `death at ${death}`
    const title = `The cart crashes with an error, case ${when}`
    const number = await h.open({ title, body: "### Steps to reproduce\nOpen it.\n\nTypeError: x is undefined" })
    const { isOver } = await live(death, call)
    if (isOver) {
      await h.db.raw("update threads set lease_until = now() - interval '1 second' where owner is not null")
      await h.s.settle()
    }
    await expectOnce(number, when)
    // What was done before the death is seen on the issue, and not asked for again.
    if (!call) expect(h.hub.writes.filter((write) => write.number === number).length, when).toBe(2)
    return isOver
  }

  test("whatever moment of the database's the worker dies at, the issue is changed once", async () => {
    let met = 0
    while (await dieAt(met + 1, null)) met++
    // Taking it, what it looked up, the decision, the intent, the outcome and the end, each with a before and an after.
    expect(met).toBeGreaterThan(12)
  }, 120_000)

  test("whatever call to GitHub it dies before or after, the issue is changed once", async () => {
    for (const after of [false, true]) {
      let at = 1
      while (await dieAt(Number.POSITIVE_INFINITY, { at, after })) at++
      // The label put on, the person given it, and the life that met no death; which labels there are is known by then.
      expect(at).toBeGreaterThanOrEqual(3)
    }
  }, 120_000)
})

/** The worker dies with its call number `at`, once GitHub did it or before it left. */
interface Death {
  at: number
  after: boolean
}

const nobody = { takesMore: false, run: () => Promise.reject(new Error("only issues come here")) }
const NOT_HERE = { message: nobody, command: nobody, due: nobody, hook: nobody }

function dying(h: Harness, life: CrashState, death: Death | null): GitHub {
  const real = h.clients.get(REPO)
  if (!real) throw new Error("there is no client")
  let calls = 0
  const crashingCall = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      calls += 1
      const isLast = calls === death?.at
      if (isLast && !death.after) life.isOver = true
      if (life.isOver) throw new Error("the process is dead")
      const result = await call(...args)
      if (isLast) life.isOver = true
      return result
    }
  }
  return {
    listIssues: crashingCall(real.listIssues),
    getIssue: crashingCall(real.getIssue),
    listChanges: crashingCall(real.listChanges),
    listLabels: crashingCall(real.listLabels),
    addLabels: crashingCall(real.addLabels),
    addAssignee: crashingCall(real.addAssignee),
  }
}
