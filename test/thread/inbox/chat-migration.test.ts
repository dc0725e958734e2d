import { sql } from "drizzle-orm"
import { beforeEach, expect, test } from "vitest"
import { moveChat } from "../../../src/thread/inbox/chat-migration.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { ownSpine } from "../../support/own.ts"
import { text } from "../../support/spine.ts"

const s = await ownSpine()
beforeEach(async () => {
  for (const table of ["outbox", "inbox", "threads"]) await s.db.raw(`delete from ${table}`)
})

const say = (target: string) =>
  s.inbox.accept(text("hello", { channel: "telegram", threadKey: `telegram:666:${target}`, target }))
const threads = () =>
  s.db.query(sql`select id, key, target from threads order by created_at, key`) as Promise<
    { id: string; key: string; target: string }[]
  >

test("a group that moves keeps its conversations, those of its topics too, and no other moves", async () => {
  const { threadId } = await say("-77")
  await say("-77:3")
  await say("-770")
  await say("77")
  await moveChat(s.db, "telegram", "-77", "-1009")
  expect((await threads()).map(({ key, target }) => `${key} ${target}`).sort()).toEqual([
    "telegram:666:-1009 -1009",
    "telegram:666:-1009:3 -1009:3",
    "telegram:666:-770 -770",
    "telegram:666:77 77",
  ])
  expect((await say("-1009")).threadId).toBe(threadId)
})

test("what waits to be sent goes where the group is now; what was sent stays as it was", async () => {
  const { threadId } = await say("-77")
  for (const dedupeKey of ["sent", "waits"])
    await postNotice(s.db, { threadId, dedupeKey, text: "hi", now: new Date() })
  await s.db.query(sql`update outbox set state = 'sent' where dedupe_key = 'sent'`)
  await moveChat(s.db, "telegram", "-77", "-1009")
  expect(await s.db.query(sql`select dedupe_key as key, target from outbox order by seq`)).toEqual([
    { key: "sent", target: "-77" },
    { key: "waits", target: "-1009" },
  ])
})

test("a conversation that began under the new id already stays apart, and the old one is answered there", async () => {
  const { threadId: old } = await say("-77")
  const { threadId: begun } = await say("-1009")
  await moveChat(s.db, "telegram", "-77", "-1009")
  expect(new Map((await threads()).map(({ id, key, target }) => [id, `${key} ${target}`]))).toEqual(
    new Map([
      [old, "telegram:666:-77 -1009"],
      [begun, "telegram:666:-1009 -1009"],
    ]),
  )
})

test("who still writes to the old id begins a conversation there", async () => {
  const { threadId: old } = await say("-77")
  await moveChat(s.db, "telegram", "-77", "-1009")
  const { threadId: begun } = await say("-77")
  expect(begun).not.toBe(old)
  expect((await say("-77")).threadId).toBe(begun)
  expect((await say("-1009")).threadId).toBe(old)
})
