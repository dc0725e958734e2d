/** Brief: what the sender tells the channel about a message, beside its text. */
import { sql } from "drizzle-orm"
import { beforeEach, expect, test } from "vitest"
import { idOf, newId } from "../../src/base/ids.ts"
import { silentLog } from "../../src/base/log.ts"
import type { Channel, Outgoing } from "../../src/channels/channel.ts"
import { createNotifier } from "../../src/queue/notifier.ts"
import { createOutbox, type Post, postNotice } from "../../src/thread/outbox/outbox.ts"
import { createSender } from "../../src/worker/sending/sender.ts"
import { ownDatabase } from "../support/own.ts"

const now = new Date("2026-11-22T12:00:00Z")
const database = await ownDatabase()
let said: Outgoing[]
beforeEach(() => {
  said = []
})

const channel: Channel = {
  id: "sms",
  capabilities: { maxText: 1600, buttons: false, typing: false },
  send: async (message) => {
    said.push(message)
    return { providerId: "SM1" }
  },
  probe: async () => "here",
}

async function sentAs(more: Partial<Post>): Promise<Outgoing | undefined> {
  const key = `sms:${newId()}`
  await database.db.query(sql`
    insert into threads (id, channel, key, target, created_at) values (${idOf(key)}, 'sms', ${key}, '+15550001111', ${now})`)
  await postNotice(database.db, { threadId: idOf(key), dedupeKey: key, text: "hello", now, ...more })
  const outbox = createOutbox(database.db)
  const channels = new Map([[channel.id, channel]])
  const sender = createSender({
    outbox,
    channels,
    notifier: await createNotifier(),
    clock: { now: () => now },
    log: silentLog,
  })
  await sender.deliver(idOf(key))
  await sender.stop()
  return said[0]
}

test("a reply may be cut to a short text", async () => {
  expect(await sentAs({})).toMatchObject({ text: "hello", brief: true })
})

test.each<[string, Partial<Post>]>([
  ["a question, whose end says how to answer it", { buttons: [{ label: "OK", reply: "K7 OK" }] }],
  ["what a person asked to be told at that hour", { urgency: "due" }],
  ["news", { urgency: "notice" }],
])("never %s", async (_what, more) => {
  expect((await sentAs(more))?.brief).toBeUndefined()
})

test("the channel is told when a text expires, and that it is not Markdown", async () => {
  const expiresAt = new Date("2026-11-22T13:00:00Z")
  expect(await sentAs({ expiresAt, plain: true })).toMatchObject({ expiresAt, plain: true })
})
