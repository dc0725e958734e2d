import { sql } from "drizzle-orm"
import { expect, test } from "vitest"
import { Fenced } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { type Label, OWNER_LABEL } from "../../../src/base/label.ts"
import { entriesOf } from "../../../src/journal/journal.ts"
import type { Event } from "../../../src/thread/inbox/event.ts"
import { takeNewMessages } from "../../../src/thread/runs/steering.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"
import { working } from "../../support/work.ts"

const s = await ownSpine()

/** A run at work; `say` puts more on its thread, `take` takes it in at step `n`. */
async function listening() {
  const { runId, threadKey, fence } = await working(s, "first")
  return {
    runId,
    say: (words: string, over: Partial<Event> = {}) => s.inbox.accept(text(words, { threadKey, ...over })),
    take: (n = 0, by = fence) => takeNewMessages(s.db, { runId, fence: by, n, opId: newId() }),
    stale: { ...fence, epoch: fence.epoch - 1 },
  }
}
const events = (runId: string) =>
  s.db.query(sql`select payload ->> 'text' as text, state from inbox where run_id = ${runId} order by seq`)

test("what came in is handed out oldest first, with its label", async () => {
  const { say, take } = await listening()
  const members: Label = { integrity: "collaborator", confidentiality: "private" }
  await say("one")
  await say("two", { label: members })
  expect(await take()).toEqual([
    { text: "one", label: OWNER_LABEL },
    { text: "two", label: members },
  ])
})

test("what was handed out belongs to the run", async () => {
  const { runId, say, take } = await listening()
  await say("one")
  await take()
  expect(await events(runId)).toEqual([
    { text: "first", state: "claimed" },
    { text: "one", state: "claimed" },
  ])
})

test("what was handed out is in the run's journal, for whoever goes on with it", async () => {
  const { runId, say, take } = await listening()
  await say("one")
  await take(3)
  expect(await entriesOf(s.db, runId)).toMatchObject([
    { n: 3, phase: "outcome", kind: "note", name: "steer", result: [{ text: "one", label: OWNER_LABEL }] },
  ])
})

test("the same message is handed out once", async () => {
  const { say, take } = await listening()
  await say("one")
  await take(0)
  expect(await take(1)).toEqual([])
})

test("nothing new leaves no entry in the journal", async () => {
  const { runId, take } = await listening()
  expect(await take()).toEqual([])
  expect(await entriesOf(s.db, runId)).toEqual([])
})

test("a command is not passed: what was said after it waits for it", async () => {
  const { say, take } = await listening()
  await say("before")
  await say("/model x", { kind: "command" })
  await say("after")
  expect((await take()).map((message) => message.text)).toEqual(["before"])
})

test("another thread's messages are left alone", async () => {
  const [here, there] = [await listening(), await listening()]
  await there.say("not yours")
  expect(await here.take()).toEqual([])
})

test("a stale worker takes nothing", async () => {
  const { runId, say, take, stale } = await listening()
  await say("one")
  await expect(take(0, stale)).rejects.toBeInstanceOf(Fenced)
  expect(await events(runId)).toHaveLength(1)
})

test("what another person says on the same chat waits for a run of its own, and so does what comes after it", async () => {
  const member = newId()
  await s.db.query(sql`insert into people (id, role, created_at) values (${member}, 'member', now())`)
  const { runId, say, take } = await listening()
  await say("mine")
  await say("theirs", { personId: member })
  await say("mine again")
  expect((await take()).map((taken) => taken.text)).toEqual(["mine"])
  expect((await events(runId)).map((event) => event.text)).toEqual(["first", "mine"])
})
