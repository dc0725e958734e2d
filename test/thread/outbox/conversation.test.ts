import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { messagesOf, repliesAfter, resultOfMessage } from "../../../src/thread/outbox/conversation.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"

const s = await ownSpine()

const words = async (threadId: string, limit: number, before?: Date) =>
  (await messagesOf(s.db, threadId, { limit, before: before ?? null })).map((letter) => letter.text)

test("both sides of a thread are read in order, the newest first cut off by the limit, older ones before a moment", async () => {
  const said = (n: string) => text(n, { threadKey: "web:letters" })
  const { threadId } = await s.inbox.accept(said("one"))
  await s.settle()
  await s.inbox.accept(said("two"))
  await s.settle()
  expect(await words(threadId, 10)).toEqual(["one", "echo: one", "two", "echo: two"])
  expect(await words(threadId, 2)).toEqual(["two", "echo: two"])
  const [, , two] = await messagesOf(s.db, threadId, { limit: 10 })
  expect(await words(threadId, 10, two?.at)).toEqual(["one", "echo: one"])
})

test("what was only recorded is not part of the talk", async () => {
  const event = text("x", { threadKey: "web:recorded" })
  const { threadId } = await s.inbox.accept(event)
  await s.inbox.record({ ...event, externalId: "recorded", reason: "carrier keyword stop" })
  expect(await words(threadId, 10)).toEqual(["x"])
})

test("a cursor hands out each answer once", async () => {
  const { threadId } = await s.inbox.accept(text("a", { threadKey: "web:cursor" }))
  await s.settle()
  const first = await repliesAfter(s.db, threadId, 0)
  expect(first.map((reply) => reply.text)).toEqual(["echo: a"])
  await s.inbox.accept(text("b", { threadKey: "web:cursor" }))
  await s.settle()
  const next = await repliesAfter(s.db, threadId, first[0]?.seq ?? 0)
  expect(next.map((reply) => reply.text)).toEqual(["echo: b"])
})

test("a message that a run took while it worked has the run's answer as its own", async () => {
  const { threadId } = await s.inbox.accept(text("first", { threadKey: "web:steer" }))
  const second = await s.inbox.accept(text("second", { threadKey: "web:steer" }))
  expect(await resultOfMessage(s.db, second.id)).toMatchObject({ runId: null, reply: null })
  await s.settle(threadId)
  expect(await resultOfMessage(s.db, second.id)).toMatchObject({ runState: "done", reply: "echo: first + second" })
})

test("an answer that comes too late has the notice as its outcome", async () => {
  const asked = await s.inbox.accept(text("ask", { threadKey: "web:asked" }))
  await s.settle()
  await s.db.query(sql`
    insert into approvals (id, run_id, thread_id, step, kind, code, tool, args, args_hash, display, asked_of, state, created_at, expires_at)
    select ${newId()}::uuid, run_id, thread_id, 0, 'approval', 'K7', 'x', '{}', 'x', 'label it', person_id, 'denied', now(), now()
    from inbox where id = ${asked.id}::uuid`)
  const late = await s.inbox.accept(text("K7 OK", { threadKey: "web:late" }))
  expect(await resultOfMessage(s.db, late.id)).toMatchObject({
    state: "done",
    runId: null,
    reply: "K7 was already denied.",
  })
})

test("what a run sends to another thread is no reply to the message that set it off", async () => {
  const asked = await s.inbox.accept(text("send it to my phone", { threadKey: "web:elsewhere" }))
  const { threadId } = await s.inbox.accept(text("hello", { threadKey: "web:phone" }))
  const claim = await s.leases.claim(asked.threadId)
  if (!claim?.run) throw new Error("there was nothing to run")
  await postNotice(s.db, { threadId, dedupeKey: "sent", text: "the digest", now: new Date(), runId: claim.run.id })
  expect(await resultOfMessage(s.db, asked.id)).toMatchObject({ runState: "running", reply: null })
})
