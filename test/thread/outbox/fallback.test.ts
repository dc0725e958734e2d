import { sql } from "drizzle-orm"
import { beforeAll, beforeEach, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import type { ChannelId } from "../../../src/channels/channel.ts"
import { withFallback } from "../../../src/thread/outbox/fallback.ts"
import { type Outbox, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { askAbout } from "../../support/approvals.ts"
import { ownSpine } from "../../support/own.ts"

const MEMBER = newId()
const s = await ownSpine()
let outbox: Outbox
beforeAll(async () => {
  await s.people.link(OWNER_ID, "telegram", "42", "42")
  await s.db.query(sql`insert into people (id, role, created_at) values (${MEMBER}, 'member', now())`)
  await s.people.link(MEMBER, "sms", "+15550009999", "+15550009999")
  outbox = among("web", "sms", "telegram")
})
beforeEach(() => s.db.raw("delete from outbox"))

const clock = { now: () => new Date() }
const among = (...live: ChannelId[]) =>
  withFallback(s.outbox, { db: s.db, people: s.people, live: new Set(live), notifier: { notify: () => {} }, clock })
const rows = () =>
  s.db.query<{ id: string; channel: string; target: string; key: string; state: string; urgency: string }>(
    sql`select id, channel, target, dedupe_key as key, state, urgency from outbox order by seq`,
  )
/** A message that a sender has in hand. */
async function inHand(personId: string, channel: ChannelId): Promise<string> {
  const { threadId } = await s.people.home(personId, new Set([channel]))
  await postNotice(s.db, { threadId, dedupeKey: "news", text: "news", now: clock.now(), urgency: "notice" })
  return (await s.outbox.take(threadId, clock.now()))?.id ?? ""
}

test("goes from phone to Telegram to the web, each once, with its text and its urgency", async () => {
  const first = await inHand(OWNER_ID, "sms")
  await Promise.all([outbox.failed(first, { code: "x" }), outbox.failed(first, { code: "x" })])
  const [, second] = await rows()
  expect(second).toMatchObject({ channel: "telegram", target: "42", key: "news:fallback", urgency: "notice" })
  const { threadId } = await s.people.home(OWNER_ID, new Set(["telegram"]))
  expect((await s.outbox.take(threadId, clock.now()))?.body.text).toBe("news")
  await outbox.failed(second?.id ?? "", { code: "y" })
  expect((await rows()).map(({ channel, state }) => [channel, state])).toEqual([
    ["sms", "failed"],
    ["telegram", "failed"],
    ["web", "sent"],
  ])
})

test("skips a channel that is not set up, and an address that opted out", async () => {
  await among("web", "sms").failed(await inHand(OWNER_ID, "sms"), { code: "x" })
  expect((await rows()).at(-1)).toMatchObject({ channel: "web" })
  await s.db.raw("delete from outbox")
  await s.people.optOut("telegram", "42", true)
  await outbox.failed(await inHand(OWNER_ID, "sms"), { code: "x" })
  expect((await rows()).at(-1)).toMatchObject({ channel: "web" })
  await s.people.optOut("telegram", "42", false)
})

test("a member's goes to a mailbox of their own, never to the owner's", async () => {
  await outbox.failed(await inHand(MEMBER, "sms"), { code: "x" })
  expect((await rows()).at(-1)).toMatchObject({ channel: "web", target: MEMBER })
})

test("a message that was sent does not go a second way, nor one that was reported delivered", async () => {
  const id = await inHand(OWNER_ID, "sms")
  await s.outbox.sent(id, "SM1", clock.now())
  await outbox.failed(id, { code: "late" })
  expect(await outbox.reported({ channel: "sms", providerId: "SM1", state: "delivered" })).not.toBeNull()
  expect(await outbox.reported({ channel: "sms", providerId: "SM1", state: "failed" })).toBeNull()
  expect(await outbox.reported({ channel: "sms", providerId: "SM404", state: "failed" })).toBeNull()
  expect((await rows()).map(({ state }) => state)).toEqual(["delivered"])
})

test("what is no longer true goes no second way", async () => {
  await outbox.failed(await inHand(OWNER_ID, "sms"), { code: "stale" })
  expect((await rows()).map(({ channel, state }) => [channel, state])).toEqual([["sms", "failed"]])
})

test("a question of which nobody knows whether it arrived is asked at the next place too, while it is open", async () => {
  const { runId, waitId } = await askAbout(s, { now: clock.now() })
  const asked = async () => {
    const { threadId } = await s.people.home(OWNER_ID, new Set<ChannelId>(["sms"]))
    const post = { threadId, dedupeKey: "ask", text: "K7: post it?", now: clock.now(), runId }
    await postNotice(s.db, { ...post, approvalId: waitId })
    return (await s.outbox.take(threadId, clock.now()))?.id ?? ""
  }
  const seen = async () => (await rows()).map(({ channel, state }) => [channel, state])
  await outbox.uncertain(await asked(), { code: "sender_died" })
  expect(await seen()).toEqual([
    ["sms", "uncertain"],
    ["telegram", "pending"],
  ])
  await s.db.raw("delete from outbox")
  await s.db.query(sql`update approvals set state = 'denied' where id = ${waitId}`)
  await outbox.uncertain(await asked(), { code: "sender_died" })
  expect(await seen()).toEqual([["sms", "uncertain"]])
})

test("any other message of which nobody knows goes no second way", async () => {
  await outbox.uncertain(await inHand(OWNER_ID, "sms"), { code: "sender_died" })
  expect((await rows()).map(({ channel, state }) => [channel, state])).toEqual([["sms", "uncertain"]])
})

test("a report that names only the provider's id finds its message", async () => {
  const id = await inHand(OWNER_ID, "sms")
  await s.outbox.sent(id, "SM7,SM8", clock.now())
  await outbox.reported({ channel: "sms", providerId: "SM8", state: "failed", error: { code: "bad_number" } })
  expect((await rows()).map(({ channel }) => channel)).toEqual(["sms", "telegram"])
})
