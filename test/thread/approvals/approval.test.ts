import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { sha256 } from "../../../src/base/canonical.ts"
import { newId } from "../../../src/base/ids.ts"
import {
  approvalOf,
  consumeApproval,
  expireApprovals,
  freeCode,
  openApprovals,
} from "../../../src/thread/approvals/approval.ts"
import { OWNER_ID } from "../../../src/thread/people/people.ts"
import { askAbout } from "../../support/approvals.ts"
import { ownSpine } from "../../support/own.ts"

const NOW = new Date("2026-11-22T12:00:00Z")
const s = await ownSpine({ now: () => NOW })
beforeEach(async () => {
  await s.db.raw("update approvals set state = 'cancelled' where state = 'open'")
})

const ask = (over: Partial<Parameters<typeof askAbout>[1]> = {}) => askAbout(s, { now: NOW, ...over })
const readyAt = async (threadId: string) =>
  (await s.db.query<{ at: Date | null }>(sql`select ready_at as at from threads where id = ${threadId}`))[0]?.at
async function approvedWait(args = '{"n":1}') {
  const asked = await ask({ args })
  await s.db.query(sql`update approvals set state = 'approved' where run_id = ${asked.runId}`)
  const wait = await approvalOf(s.db, asked.runId, 0)
  if (!wait) throw new Error("the question is gone")
  return wait
}

describe("an approval", () => {
  test("is used by one of fifty who try at once (A1)", async () => {
    const wait = await approvedWait()
    const tries = await Promise.allSettled(Array.from({ length: 50 }, () => consumeApproval(s.db, wait, NOW)))
    expect(tries.filter((one) => one.status === "fulfilled")).toHaveLength(1)
    const reasons = tries.flatMap((one) => (one.status === "rejected" ? [one.reason] : []))
    expect(reasons[0]).toMatchObject({ code: "denied", message: expect.stringContaining("already used") })
  })

  test("is not used with other arguments than were shown, whatever their hash (A2)", async () => {
    const wait = await approvedWait()
    const args = '{"n":2}'
    await expect(consumeApproval(s.db, { ...wait, args }, NOW)).rejects.toThrow("already used")
    await expect(consumeApproval(s.db, { ...wait, args, argsHash: sha256(args) }, NOW)).rejects.toThrow("already used")
    await consumeApproval(s.db, wait, NOW)
  })

  test.each(["open", "denied", "redo", "expired", "cancelled"])("that is %s is never used", async (state) => {
    const wait = await approvedWait()
    await s.db.query(sql`update approvals set state = ${state} where id = ${wait.id}`)
    await expect(consumeApproval(s.db, wait, NOW)).rejects.toMatchObject({ code: "denied" })
  })

  test("used in a transaction that fails was not used", async () => {
    const wait = await approvedWait()
    const failing = s.db.transaction(async (tx) => {
      await consumeApproval(tx, wait, NOW)
      throw new Error("the power went")
    })
    await expect(failing).rejects.toThrow("the power went")
    await consumeApproval(s.db, wait, NOW)
  })
})

describe("silence", () => {
  test("closes an approval at its time (A3) and makes its thread ready", async () => {
    const asked = await ask({ expiresAt: NOW })
    expect(await readyAt(asked.threadId)).toBeNull()
    expect(await expireApprovals(s.db, NOW)).toEqual([asked.threadId])
    expect(await approvalOf(s.db, asked.runId, 0)).toMatchObject({ state: "expired" })
    expect(await readyAt(asked.threadId)).toBeInstanceOf(Date)
    expect((await s.leases.claim(asked.threadId))?.run).toMatchObject({ id: asked.runId, fresh: false })
  })

  test("leaves a question alone before its time", async () => {
    const asked = await ask({ expiresAt: new Date(NOW.getTime() + 1) })
    expect(await expireApprovals(s.db, NOW)).toEqual([])
    expect(await approvalOf(s.db, asked.runId, 0)).toMatchObject({ state: "open" })
  })

  test("changes no answer that was given", async () => {
    const asked = await ask({ expiresAt: NOW })
    await s.db.query(sql`update approvals set state = 'approved' where run_id = ${asked.runId}`)
    expect(await expireApprovals(s.db, NOW)).toEqual([])
    expect(await approvalOf(s.db, asked.runId, 0)).toMatchObject({ state: "approved" })
  })

  test("is taken once by one of many that look", async () => {
    await ask({ expiresAt: NOW })
    const found = await Promise.all(Array.from({ length: 5 }, () => expireApprovals(s.db, NOW)))
    expect(found.flat()).toHaveLength(1)
  })
})

describe("the code of a question", () => {
  test("is none that is open", async () => {
    const first = await freeCode(s.db, () => 0)
    await ask({ code: first })
    expect(await freeCode(s.db, () => 0)).not.toBe(first)
  })

  test("may be one that was closed", async () => {
    const first = await freeCode(s.db, () => 0)
    const asked = await ask({ code: first })
    await s.db.query(sql`update approvals set state = 'denied' where run_id = ${asked.runId}`)
    expect(await freeCode(s.db, () => 0)).toBe(first)
  })

  test("cannot be the same for two that are open", async () => {
    await ask({ code: "K7" })
    await expect(ask({ code: "K7" })).rejects.toMatchObject({ code: "23505" })
  })
})

test("open questions are listed oldest first, and no others", async () => {
  const [first, second, closed] = [await ask({ code: "A3" }), await ask({ code: "B3" }), await ask({ code: "C3" })]
  await s.db.query(sql`update approvals set state = 'denied' where run_id = ${closed.runId}`)
  await s.db.query(sql`update approvals set created_at = ${new Date(0)} where run_id = ${second.runId}`)
  expect((await openApprovals(s.db)).map((wait) => wait.code)).toEqual([second.code, first.code])
})

test("a run has no question at a step where none was asked", async () => {
  const { runId } = await ask()
  expect([await approvalOf(s.db, runId, 1), await approvalOf(s.db, newId(), 0)]).toEqual([null, null])
})

test("a question is asked of the person it names", async () => {
  const { runId } = await ask()
  const [row] = await s.db.query(sql`select asked_of as of from approvals where run_id = ${runId}`)
  expect(row).toEqual({ of: OWNER_ID })
})
