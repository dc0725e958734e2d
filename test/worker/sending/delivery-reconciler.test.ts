import { sql } from "drizzle-orm"
import { beforeEach, expect, test } from "vitest"
import { Reject, Retry } from "../../../src/base/errors.ts"
import { newId } from "../../../src/base/ids.ts"
import { type Fields, silentLog } from "../../../src/base/log.ts"
import type { ChannelId, DeliveryOutcome } from "../../../src/channels/channel.ts"
import { postNotice } from "../../../src/thread/outbox/outbox.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { createDeliveryReconciler } from "../../../src/worker/sending/delivery-reconciler.ts"
import { ownSpine } from "../../support/own.ts"
import { movableClock } from "../../support/schedule.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const clock = movableClock("2026-11-22T12:00:00Z")
const s = await ownSpine({ now: clock.now })
let asked: string[]
let notified: string[]
let lines: { event: string; fields: Fields }[]
/** The provider's outcome of each part; it does not know the others. */
let outcomes: Record<string, DeliveryOutcome>

beforeEach(async () => {
  await s.db.raw("delete from outbox")
  clock.to("2026-11-22T12:00:00Z")
  asked = []
  notified = []
  lines = []
  outcomes = {}
})

const deliveryOutcome = async (sid: string): Promise<DeliveryOutcome> => {
  asked.push(sid)
  const answer = outcomes[sid]
  if (answer === undefined) throw new Reject(404, `${sid} was not found`)
  return answer
}
const chore = (
  hasReports = false,
  channels: [ChannelId, { deliveryOutcome?: typeof deliveryOutcome }][] = [["sms", { deliveryOutcome }]],
) =>
  createDeliveryReconciler({
    db: s.db,
    outbox: s.outbox,
    channels: new Map(channels),
    hasReports,
    notifier: { notify: (_what, id) => void notified.push(id) },
    clock,
    log: { ...silentLog, info: (event, fields = {}) => void lines.push({ event, fields }) },
  })

/** A message whose `parts` the provider accepts now. */
async function sent(parts: string): Promise<string> {
  const { threadId } = await s.people.home(OWNER_ID, new Set(["sms"]))
  await postNotice(s.db, { threadId, dedupeKey: newId(), text: "news", now: clock.now() })
  const message = await s.outbox.take(threadId, clock.now())
  await s.outbox.sent(message?.id ?? "", parts, clock.now())
  return message?.id ?? ""
}
async function stateOf(id: string) {
  const [row] = await s.db.query<{ state: string; error: unknown }>(
    sql`select state, error from outbox where id = ${id}`,
  )
  return row
}

test("without reports the provider is asked after a minute, then more and more rarely, until half a day has passed", async () => {
  outcomes = { SM1: { state: "sent" } }
  await sent("SM1")
  const round = chore()
  const times: number[] = []
  for (let minute = 0; minute <= 48 * 60; minute += 1) {
    const before = asked.length
    await round()
    if (asked.length > before) times.push(minute)
    clock.pass(MINUTE)
  }
  expect(times).toEqual([1, 10, 60, 720])
})

test("with reports the provider is asked only about a report that is long overdue", async () => {
  outcomes = { SM1: { state: null } }
  await sent("SM1")
  const round = chore(true)
  clock.pass(12 * HOUR - 1)
  await round()
  expect(asked).toEqual([])
  clock.pass(1)
  await round()
  await round()
  expect(asked).toEqual(["SM1"])
})

test("a message is delivered when all of its parts are, and its price is logged", async () => {
  const price = { amount: 0.0079, currency: "USD", segments: 1 }
  outcomes = { SM1: { state: "delivered", price }, SM2: { state: "sent" } }
  const id = await sent("SM1,SM2")
  const round = chore()
  clock.pass(MINUTE)
  await round()
  expect(await stateOf(id)).toMatchObject({ state: "sent" })
  outcomes = { SM1: { state: "delivered" }, SM2: { state: "delivered" } }
  clock.pass(10 * MINUTE)
  await round()
  expect(await stateOf(id)).toMatchObject({ state: "delivered" })
  expect(notified.length).toBe(1)
  expect(lines).toEqual([{ event: "message_price", fields: { outbox: id, channel: "sms", ...price } }])
})

test("one part that did not arrive fails the message, with the reason", async () => {
  outcomes = { SM1: { state: "delivered" }, SM2: { state: "failed", failure: { code: "bad_number" } } }
  const id = await sent("SM1,SM2")
  clock.pass(MINUTE)
  await chore()()
  expect(await stateOf(id)).toEqual({ state: "failed", error: { code: "bad_number" } })
})

test("ten messages a round, and the others in the next", async () => {
  for (let n = 0; n < 13; n += 1) {
    outcomes[`SM${n}`] = { state: "sent" }
    await sent(`SM${n}`)
  }
  clock.pass(MINUTE)
  const round = chore()
  await round()
  expect(asked.length).toBe(10)
  await round()
  expect(new Set(asked).size).toBe(13)
})

test("a provider that is away is asked again in the next round; one that does not have the message is not", async () => {
  await sent("SM-lost")
  clock.pass(MINUTE)
  const round = chore()
  await round()
  clock.pass(HOUR)
  await round()
  expect(asked).toEqual(["SM-lost"])
  let tries = 0
  const away = async (): Promise<DeliveryOutcome> => {
    tries += 1
    throw new Retry("away")
  }
  const secondRound = chore(false, [["sms", { deliveryOutcome: away }]])
  await secondRound()
  await secondRound()
  expect(tries).toBe(2)
})

test("channels that cannot be asked are left alone", async () => {
  await sent("SM1")
  clock.pass(HOUR)
  await chore(false, [["telegram", { deliveryOutcome }]])()
  await chore(false, [["sms", {}]])()
  expect(asked).toEqual([])
})
