import { beforeAll, beforeEach, expect, test } from "vitest"
import { newId } from "../../../src/base/ids.ts"
import { withFallback } from "../../../src/thread/outbox/fallback.ts"
import { withOptOut } from "../../../src/thread/outbox/opt-out.ts"
import { type Outbox, postNotice } from "../../../src/thread/outbox/outbox.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { ownSpine } from "../../support/own.ts"

const PHONE = "+15552223333"
const clock = { now: () => new Date() }
const live = new Set(["web", "sms"] as const)
const s = await ownSpine()
let outbox: Outbox
beforeAll(async () => {
  await s.db.raw("delete from addresses where channel = 'sms'")
  await s.people.link(OWNER_ID, "sms", PHONE, PHONE)
  outbox = withOptOut(
    withFallback(s.outbox, { db: s.db, people: s.people, live, notifier: { notify: () => {} }, clock }),
    {
      db: s.db,
      clock,
    },
  )
})
beforeEach(async () => {
  await s.db.raw("delete from outbox")
  await s.people.optOut("sms", PHONE, false)
})

async function inHand(): Promise<string> {
  const { threadId } = await s.people.home(OWNER_ID, live)
  await postNotice(s.db, { threadId, dedupeKey: newId(), text: "news", now: clock.now() })
  return (await s.outbox.take(threadId, clock.now()))?.id ?? ""
}
const isOut = async () => (await s.people.find("sms", PHONE))?.optedOut

test("a refusal because of STOP is kept: what follows goes another way, until START", async () => {
  await outbox.failed(await inHand(), { code: "opted_out", message: "unsubscribed" })
  expect(await isOut()).toBe(true)
  expect((await s.people.home(OWNER_ID, live)).channel).toBe("web")
  await s.people.optOut("sms", PHONE, false)
  expect((await s.people.home(OWNER_ID, live)).channel).toBe("sms")
})

test.each([true, false])("so is a report that says so, with the row named: %s", async (isNamed) => {
  const id = await inHand()
  await s.outbox.sent(id, "SM1", clock.now())
  const report = { channel: "sms", providerId: "SM1", state: "failed", error: { code: "opted_out" } } as const
  await outbox.reported(isNamed ? { ...report, outboxId: id } : report)
  expect(await isOut()).toBe(true)
})

test("a failure for another reason says nothing of the person's will", async () => {
  await outbox.failed(await inHand(), { code: "bad_number" })
  const id = await inHand()
  await s.outbox.sent(id, "SM1", clock.now())
  await outbox.reported({ channel: "sms", providerId: "SM1", state: "failed", error: { code: "phone_blocks" } })
  expect(await isOut()).toBe(false)
})
