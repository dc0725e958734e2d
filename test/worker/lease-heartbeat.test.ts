import { sql } from "drizzle-orm"
import { afterEach, expect, test, vi } from "vitest"
import { Cancelled } from "../../src/agent/durable/signals.ts"
import { Fenced } from "../../src/base/errors.ts"
import { LEASE_SECONDS, type Leases } from "../../src/thread/runs/lease.ts"
import { type Heartbeat, startHeartbeat } from "../../src/worker/lease-heartbeat.ts"
import { ownSpine } from "../support/own.ts"
import { text } from "../support/spine.ts"
import { takeAway, working } from "../support/work.ts"

const s = await ownSpine()
let holds: Heartbeat[] = []
afterEach(() => {
  for (const held of holds) held.release()
  holds = []
  vi.useRealTimers()
})

async function holding(leases: Leases = s.leases, shutdown = new AbortController().signal) {
  const w = await working(s)
  const held = startHeartbeat(leases, w.claim, shutdown)
  holds.push(held)
  return { ...w, held }
}
const leftMs = async (threadId: string) =>
  (
    await s.db.query<{ left: number }>(
      sql`select extract(epoch from lease_until - now())::double precision * 1000 as left from threads where id = ${threadId}`,
    )
  )[0]?.left

test("a renewal extends the lease by its whole time", async () => {
  const { held, threadId } = await holding()
  await s.db.query(sql`update threads set lease_until = now() + interval '100 milliseconds' where id = ${threadId}`)
  await held.check()
  expect(await leftMs(threadId)).toBeGreaterThan((LEASE_SECONDS - 1) * 1000)
  expect(held.signal.aborted).toBe(false)
})

test("the lease is renewed by itself, well before it is over", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] })
  let renewals = 0
  const counting: Leases = {
    ...s.leases,
    renew: async (fence) => {
      renewals++
      return s.leases.renew(fence)
    },
  }
  const { held } = await holding(counting)
  vi.advanceTimersByTime(LEASE_SECONDS * 1000)
  expect(renewals).toBeGreaterThanOrEqual(2)
  held.release()
  const before = renewals
  vi.advanceTimersByTime(LEASE_SECONDS * 10_000)
  expect(renewals).toBe(before)
})

test("the loss of the lease stops the run", async () => {
  const { held, threadId } = await holding()
  await takeAway(s, threadId)
  await held.check()
  expect(held.signal.reason).toBeInstanceOf(Fenced)
})

test("a stop after the run's messages stops it", async () => {
  const { held, threadKey } = await holding()
  await s.inbox.accept(text("/stop", { threadKey, kind: "command" }))
  await held.check()
  expect(held.signal.reason).toBeInstanceOf(Cancelled)
})

test("a stop before the run's messages does not stop it", async () => {
  const first = await working(s)
  await s.inbox.accept(text("/stop", { threadKey: first.threadKey, kind: "command" }))
  await s.execute(first.claim, new AbortController().signal)
  await s.settle(first.threadId)
  const again = await working(s, "again", { threadKey: first.threadKey })
  const held = startHeartbeat(s.leases, again.claim, new AbortController().signal)
  holds.push(held)
  await held.check()
  expect(held.signal.aborted).toBe(false)
})

test("another message than a stop does not stop it", async () => {
  const { held, threadKey } = await holding()
  await s.inbox.accept(text("more", { threadKey }))
  await held.check()
  expect(held.signal.aborted).toBe(false)
})

test("a database that is away for a moment does not stop the run; one that is away for longer than the lease does", async () => {
  vi.useFakeTimers({ toFake: ["Date"] })
  const away: Leases = { ...s.leases, renew: () => Promise.reject(new Error("connection refused")) }
  const { held } = await holding(away)
  await held.check()
  expect(held.signal.aborted).toBe(false)
  vi.setSystemTime(Date.now() + LEASE_SECONDS * 1000 + 1)
  await held.check()
  expect(held.signal.reason).toMatchObject({
    code: "fenced",
    cause: expect.objectContaining({ message: "connection refused" }),
  })
})

test("the worker's shutdown stops it with the worker's reason", async () => {
  const shutdown = new AbortController()
  const { held } = await holding(s.leases, shutdown.signal)
  shutdown.abort(new Error("this worker is shutting down"))
  expect(held.signal.reason).toMatchObject({ message: "this worker is shutting down" })
})
