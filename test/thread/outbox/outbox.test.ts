import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { idOf, newId } from "../../../src/base/ids.ts"
import type { ChannelId } from "../../../src/channels/channel.ts"
import {
  createOutbox,
  type Outbox,
  postNotice,
  SENDING_SECONDS,
  type Sending,
} from "../../../src/thread/outbox/outbox.ts"
import { ownDatabase } from "../../support/own.ts"

const database = await ownDatabase()
let outbox: Outbox
beforeAll(async () => {
  outbox = createOutbox(database.db)
})
beforeEach(async () => {
  await database.db.raw("delete from outbox")
})

const now = new Date("2026-11-22T12:00:00Z")
const later = new Date("2026-11-22T12:01:00Z")

async function lane(channel: ChannelId = "sms", key = `${channel}:${newId()}`): Promise<string> {
  await database.db.query(sql`
    insert into threads (id, channel, key, target, created_at) values (${idOf(key)}, ${channel}, ${key}, '+15550001111', ${now})`)
  return idOf(key)
}
const put = (threadId: string, text: string, dedupeKey = newId()) =>
  postNotice(database.db, { threadId, dedupeKey, text, now })
async function rowOf(id: string) {
  const [row] = await database.db.query(
    sql`select state, provider_id as "providerId", attempts, sending_until as "until", error from outbox where id = ${id}`,
  )
  return row
}
async function taken(threadId: string): Promise<Sending> {
  const message = await outbox.take(threadId, now)
  if (!message) throw new Error("there was nothing to take")
  return message
}
/** A message handed to the provider, known there as `SM1`. */
async function sent(): Promise<string> {
  const threadId = await lane()
  await put(threadId, "hello")
  const { id } = await taken(threadId)
  await outbox.sent(id, "SM1", now)
  return id
}

const report = (providerId: string, state: "delivered" | "failed") =>
  outbox.reported({ channel: "sms", providerId, state })

test("what was written before the clock was set back does not wait until that hour comes again", async () => {
  const threadId = await lane()
  await put(threadId, "hello")
  const anHourBefore = new Date(now.getTime() - 3_600_000)
  expect(await outbox.waiting(anHourBefore)).toEqual([threadId])
  expect((await outbox.take(threadId, anHourBefore))?.body).toEqual({ text: "hello" })
})

describe("putting", () => {
  test("the same key twice leaves one message (O1)", async () => {
    const threadId = await lane()
    await put(threadId, "once", "run:1:reply")
    await put(threadId, "twice", "run:1:reply")
    expect((await taken(threadId)).body).toEqual({ text: "once" })
    expect(await outbox.take(threadId, now)).toBeNull()
  })

  test("keeps until when the text is true, and when it is to be forgotten", async () => {
    const threadId = await lane()
    await postNotice(database.db, { threadId, dedupeKey: "k", text: "code", now, expiresAt: later, forgetAt: later })
    const at = later.toISOString()
    expect((await taken(threadId)).body).toEqual({ text: "code", expiresAt: at, forgetAt: at })
  })

  test("on the web's own mailbox is sending", async () => {
    const threadId = await lane("web")
    await put(threadId, "hello")
    expect(await outbox.take(threadId, now)).toBeNull()
    const rows = await database.db.query(sql`select state, sent_at as at from outbox where thread_id = ${threadId}`)
    expect(rows).toEqual([{ state: "sent", at: now }])
  })
})

describe("taking", () => {
  test("hands messages out in the order they were put (O2)", async () => {
    const threadId = await lane()
    for (const text of ["one", "two", "three"]) await put(threadId, text)
    const texts: string[] = []
    for (let n = 0; n < 3; n++) {
      const { id, body } = await taken(threadId)
      texts.push(body.text)
      await outbox.sent(id, String(n), now)
    }
    expect(texts).toEqual(["one", "two", "three"])
  })

  test("gives a thread's messages to one sender at a time, however many ask (O2)", async () => {
    const threadId = await lane()
    await put(threadId, "one")
    await put(threadId, "two")
    const got = await Promise.all(Array.from({ length: 10 }, () => outbox.take(threadId, now)))
    expect(got.filter(Boolean)).toHaveLength(1)
  })

  test("of one thread does not hold up another", async () => {
    const [a, b] = [await lane(), await lane()]
    await put(a, "a")
    await put(b, "b")
    expect([(await taken(a)).body.text, (await taken(b)).body.text]).toEqual(["a", "b"])
  })

  test("waits for a message's moment, and nothing passes it", async () => {
    const threadId = await lane()
    await put(threadId, "first")
    await put(threadId, "second")
    const { id } = await taken(threadId)
    await outbox.retry(id, later, { code: "retry" })
    expect(await outbox.take(threadId, now)).toBeNull()
    expect((await outbox.take(threadId, later))?.body.text).toBe("first")
  })

  test("counts its tries and keeps the parts that were accepted", async () => {
    const threadId = await lane()
    await put(threadId, "long")
    const first = await taken(threadId)
    await outbox.part(first.id, "SM1")
    await outbox.part(first.id, "SM2")
    await outbox.retry(first.id, now, { code: "retry" })
    expect(await taken(threadId)).toMatchObject({ attempts: 2, providerId: "SM1,SM2" })
  })
})

test("threads with something to send now are named once, those whose moment is to come are not", async () => {
  const [due, twice, notYet, web] = [await lane(), await lane(), await lane(), await lane("web")]
  for (const threadId of [due, twice, twice, notYet, web]) await put(threadId, "x")
  const { id } = await taken(notYet)
  await outbox.retry(id, later, null)
  expect((await outbox.waiting(now)).toSorted()).toEqual([due, twice].toSorted())
  expect(await outbox.waiting(later)).toContain(notYet)
})

describe("a provider's later word", () => {
  test.each([
    ["sent", "delivered", "delivered"],
    ["sent", "failed", "failed"],
    ["uncertain", "delivered", "delivered"],
    ["uncertain", "failed", "failed"],
    ["delivered", "failed", "delivered"],
    ["failed", "delivered", "failed"],
    ["pending", "delivered", "pending"],
    ["sending", "delivered", "delivered"],
    ["sending", "failed", "failed"],
  ] as const)("on a message that is %s, saying %s, leaves it %s", async (state, word, after) => {
    const id = await sent()
    await database.db.query(sql`update outbox set state = ${state} where id = ${id}`)
    await report("SM1", word)
    expect(await rowOf(id)).toMatchObject({ state: after })
  })

  test("names the thread, and whoever knows no such message names none", async () => {
    const id = await sent()
    const [row] = await database.db.query<{ thread: string }>(
      sql`select thread_id as thread from outbox where id = ${id}`,
    )
    expect(await report("SM9", "delivered")).toBeNull()
    expect(await outbox.reported({ channel: "telegram", providerId: "SM1", state: "delivered" })).toBeNull()
    expect(await report("SM1", "delivered")).toBe(row?.thread)
  })

  test("keeps why it failed", async () => {
    const id = await sent()
    await outbox.reported({ channel: "sms", providerId: "SM1", state: "failed", error: { code: "30003" } })
    expect(await rowOf(id)).toMatchObject({ state: "failed", error: { code: "30003" } })
  })

  test("on any part of a message is a word on it", async () => {
    const threadId = await lane()
    await put(threadId, "long")
    const { id } = await taken(threadId)
    await outbox.sent(id, "SM1,SM2", now)
    await report("SM2", "delivered")
    expect(await rowOf(id)).toMatchObject({ state: "delivered" })
  })

  test("that a part did not arrive counts also after another part did; of a message in one part it does not", async () => {
    const id = await sent()
    await database.db.query(sql`update outbox set provider_id = 'SM1,SM2' where id = ${id}`)
    await report("SM1", "delivered")
    expect(await report("SM2", "failed")).not.toBeNull()
    expect(await rowOf(id)).toMatchObject({ state: "failed" })
    expect(await report("SM1", "delivered")).toBeNull()
    expect(await rowOf(id)).toMatchObject({ state: "failed" })
  })

  test("on the first part does not end a message whose other parts are still being sent", async () => {
    const threadId = await lane()
    await put(threadId, "long")
    const { id } = await taken(threadId)
    await outbox.part(id, "SM1")
    await report("SM1", "delivered")
    await outbox.part(id, "SM2")
    await outbox.retry(id, now, { code: "retry" })
    expect(await taken(threadId)).toMatchObject({ id, providerId: "SM1,SM2" })
  })

  test("that comes before a part's id is stored names that part once", async () => {
    const threadId = await lane()
    await put(threadId, "long")
    const { id } = await taken(threadId)
    await outbox.reported({ channel: "sms", providerId: "SM1", outboxId: id, state: "delivered" })
    await outbox.part(id, "SM1")
    await outbox.retry(id, now, { code: "retry" })
    expect(await taken(threadId)).toMatchObject({ id, providerId: "SM1" })
  })

  test("that comes before its id is stored finds the row it names", async () => {
    const threadId = await lane()
    await put(threadId, "hello")
    const { id } = await taken(threadId)
    await outbox.reported({ channel: "sms", providerId: "SM1", outboxId: id, state: "delivered" })
    await outbox.sent(id, "SM1", now)
    expect(await rowOf(id)).toMatchObject({ state: "delivered", providerId: "SM1", until: null })
  })
})

describe("a sender that died", () => {
  const runOut = (id: string) =>
    database.db.query(sql`update outbox set sending_until = now() - interval '1 second' where id = ${id}`)

  test("hands its message to the next once its time is over, not before, and to one only (O5)", async () => {
    const threadId = await lane()
    await put(threadId, "hello")
    const { id } = await taken(threadId)
    expect(await outbox.adoptDead()).toEqual([])
    await runOut(id)
    expect(await outbox.adoptDead()).toMatchObject([{ id, threadId, attempts: 1 }])
    expect(await rowOf(id)).toMatchObject({ state: "sending", error: { code: "sender_died" } })
    expect(await outbox.adoptDead()).toEqual([])
  })

  test("is followed by another when who took its message up died too", async () => {
    const threadId = await lane()
    await put(threadId, "hello")
    const { id } = await taken(threadId)
    await runOut(id)
    await outbox.adoptDead()
    await runOut(id)
    expect(await outbox.adoptDead()).toMatchObject([{ id }])
  })

  test("holds up its thread until it is known what became of its message", async () => {
    const threadId = await lane()
    await put(threadId, "first")
    const { id } = await taken(threadId)
    await put(threadId, "second")
    await runOut(id)
    await outbox.adoptDead()
    await outbox.reconciling(id, { code: "sender_died" })
    expect(await outbox.take(threadId, now)).toBeNull()
    await outbox.retry(id, now, { code: "sender_died" })
    expect(await outbox.take(threadId, now)).toMatchObject({ id, attempts: 2 })
  })

  test("is known at once to the only process there is", async () => {
    const threadId = await lane()
    await put(threadId, "hello")
    const { id } = await taken(threadId)
    await outbox.dropAll()
    expect(await outbox.adoptDead()).toMatchObject([{ id }])
  })

  test("changes nothing when it comes back after another word was said", async () => {
    const id = await sent()
    await outbox.failed(id, { code: "late" })
    await outbox.retry(id, now, { code: "late" })
    await outbox.part(id, "SM9")
    expect(await rowOf(id)).toMatchObject({ state: "sent", providerId: "SM1" })
  })

  test("may have taken a message for as long as any send can last", async () => {
    const threadId = await lane()
    await put(threadId, "hello")
    const { id } = await taken(threadId)
    const [row] = await database.db.query<{ left: number }>(
      sql`select extract(epoch from sending_until - now())::double precision as left from outbox where id = ${id}`,
    )
    expect(row?.left).toBeGreaterThan(SENDING_SECONDS - 10)
    expect(row?.left).toBeLessThanOrEqual(SENDING_SECONDS)
  })
})
