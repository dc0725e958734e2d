import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { idOf, newId } from "../../../src/base/ids.ts"
import type { Event } from "../../../src/thread/inbox/event.ts"
import { createInbox } from "../../../src/thread/inbox/inbox.ts"
import { createScrubber } from "../../../src/vault/scrubber.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"

const s = await ownSpine()

test("a hundred parallel deliveries of one event leave one row and start one run", async () => {
  const event = text("hello", { threadKey: "web:hundred", externalId: "hundred" })
  const accepted = await Promise.all(Array.from({ length: 100 }, () => s.inbox.accept(event)))
  expect(accepted.filter((a) => !a.duplicate)).toHaveLength(1)
  expect(new Set(accepted.map((a) => a.id)).size).toBe(1)
  await s.settle()
  const [count] = await s.db.query<{ inbox: number; runs: number; replies: number }>(sql`
    select (select count(*) from inbox where external_id = 'hundred') as inbox,
      (select count(*) from runs where thread_id = ${accepted[0]?.threadId}) as runs,
      (select count(*) from outbox where thread_id = ${accepted[0]?.threadId}) as replies`)
  expect(count).toEqual({ inbox: 1, runs: 1, replies: 1 })
})

test("messages of one thread are numbered in the order of their commits", async () => {
  await Promise.all(Array.from({ length: 20 }, (_, i) => s.inbox.accept(text(`m${i}`, { threadKey: "web:order" }))))
  const rows = await s.db.query<{ seq: number }>(sql`
    select inbox.seq from inbox join threads on threads.id = thread_id where key = 'web:order' order by received_at, seq`)
  expect(rows.map((row) => row.seq).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
})

test("the first messages of a new thread may all come at once", async () => {
  for (let round = 0; round < 40; round++) {
    const accepted = await Promise.all(
      Array.from({ length: 8 }, (_, i) => s.inbox.accept(text(`${round}-${i}`, { threadKey: `web:new-${round}` }))),
    )
    expect(new Set(accepted.map(({ threadId }) => threadId)).size).toBe(1)
  }
})

test("messages that wait together are answered by one run", async () => {
  const { threadId } = await s.inbox.accept(text("one", { threadKey: "web:together" }))
  await s.inbox.accept(text("two", { threadKey: "web:together" }))
  await s.settle()
  const replies = await s.db.query<{ text: string }>(
    sql`select body ->> 'text' as text from outbox where thread_id = ${threadId}`,
  )
  expect(replies).toEqual([{ text: "echo: one + two" }])
})

test("the wake-up commits with the event, or not at all", async () => {
  const jobs = () => s.db.query(sql`select 1 from pgboss.job where name = 'turn' and state = 'created'`)
  await s.db.query(sql`delete from pgboss.job`)
  const event = text("never", { threadKey: "web:rollback" })
  await expect(
    s.db.transaction(async (tx) => {
      await s.inbox.acceptIn(tx, event)
      throw new Error("no")
    }),
  ).rejects.toThrow("no")
  expect(await jobs()).toHaveLength(0)
  await s.inbox.accept(event)
  expect(await jobs()).toHaveLength(1)
})

test("an event that is not for us is kept, and starts nothing", async () => {
  const {
    kind: _,
    personId: __,
    target: ___,
    ...rest
  } = text("x", { threadKey: "github:a/b", channel: "github", payload: { action: "starred" } })
  expect(await s.inbox.record({ ...rest, reason: "unknown event" })).toMatchObject({ duplicate: false })
  expect(await s.inbox.record({ ...rest, reason: "unknown event" })).toMatchObject({ duplicate: true })
  expect(await s.leases.claim(idOf("github:a/b"))).toBeNull()
  const [row] = await s.db.query(sql`select state, payload from inbox where external_id = ${rest.externalId}`)
  expect(row).toEqual({ state: "recorded", payload: { reason: "unknown event", event: { action: "starred" } } })
})

test("I4 a live secret that somebody writes to us is not kept, and the rest of it is", async () => {
  const scrubber = createScrubber()
  scrubber.add("KEY", 'quo"ted/secret=1')
  const inbox = createInbox({
    db: s.db,
    queue: s.queue,
    notifier: s.notifier,
    clock: { now: () => new Date() },
    newId,
    scrub: (words) => scrubber.scrub(words),
  })
  const said = text('the key is quo"ted/secret=1, keep it', { threadKey: "web:secret", externalId: "secret" })
  await inbox.accept(said)
  await inbox.record({
    ...said,
    externalId: "secret-2",
    payload: { deep: [{ er: 'quo"ted/secret=1' }] },
    reason: "other",
  })
  const rows = await s.db.query<{ payload: unknown }>(
    sql`select payload from inbox where external_id in ('secret', 'secret-2') order by external_id`,
  )
  expect(rows.map((row) => row.payload)).toEqual([
    { text: "the key is [secret KEY], keep it", meaning: { kind: "words" } },
    { reason: "other", event: { deep: [{ er: "[secret KEY]" }] } },
  ])
})

test("I4 nor is one in what the words mean, although they were read before", async () => {
  const scrubber = createScrubber()
  scrubber.add("KEY", "sk-canary-1")
  const { db, queue, notifier } = s
  const scrub = (words: string) => scrubber.scrub(words)
  const inbox = createInbox({ db, queue, notifier, clock: { now: () => new Date() }, newId, scrub })
  const meaning = { kind: "command", name: "forget", rest: "sk-canary-1" }
  const { id } = await inbox.accept(text("", { payload: { text: "/forget sk-canary-1", meaning } }))
  const [row] = await s.db.query<{ payload: unknown }>(sql`select payload from inbox where id = ${id}`)
  expect(row?.payload).toEqual({ text: "/forget [secret KEY]", meaning: { ...meaning, rest: "[secret KEY]" } })
})

test("the inbox makes a command of what means one, and takes the meaning that came with a message as it is", async () => {
  const kindOf = async (event: Event) => {
    const { id } = await s.inbox.accept(event)
    return (await s.db.query<{ kind: string }>(sql`select kind from inbox where id = ${id}`))[0]?.kind
  }
  const meaning = { kind: "command", name: "status", rest: "" }
  expect([
    await kindOf(text("/status", { threadKey: "web:kinds" })),
    await kindOf(text("hello", { threadKey: "web:kinds" })),
    await kindOf(text("", { threadKey: "web:kinds", payload: { text: "STATUS", meaning } })),
  ]).toEqual(["command", "message", "command"])
})

test("nobody's words are neither a command nor an answer: they are data", async () => {
  const event = text("/stop", { threadKey: "github:a/b#77", channel: "github", personId: null })
  const { threadId } = await s.inbox.accept(event)
  const [row] = await s.db.query(sql`
    select kind, stop_seq as "stopSeq" from inbox join threads on threads.id = thread_id where thread_id = ${threadId}`)
  expect(row).toEqual({ kind: "message", stopSeq: 0 })
})
