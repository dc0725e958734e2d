import { sql } from "drizzle-orm"
import fc from "fast-check"
import { beforeEach, describe, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { type Caps, type Reservation, reserve, settleReservation } from "../../src/journal/ledger.ts"
import { ownSpine } from "../support/own.ts"
import { working } from "../support/work.ts"

const s = await ownSpine()
const { runId } = await working(s)
beforeEach(async () => {
  await s.db.raw("delete from ledger")
})

const DAY = "2026-11-22"
const call = (amount: number, over: Partial<Reservation> = {}): Reservation => ({
  opId: newId(),
  runId,
  day: DAY,
  model: "m1",
  amount,
  ...over,
})
const take = (amount: number, caps: Caps, over: Partial<Reservation> = {}) => reserve(s.db, call(amount, over), caps)
async function total(): Promise<number> {
  const [row] = await s.db.query<{ sum: number }>(
    sql`select coalesce(sum(coalesce(cost_usd, reserved_usd)), 0) as sum from ledger`,
  )
  return row?.sum ?? 0
}

describe("a reservation", () => {
  test("up to the cap is made, and past it refused with the cap's name (L1)", async () => {
    expect([await take(0.6, { daily: 1 }), await take(0.4, { daily: 1 }), await take(0.01, { daily: 1 })]).toEqual([
      null,
      null,
      "day",
    ])
    expect(await total()).toBeCloseTo(1)
  })

  test("counts for its own day and for its month", async () => {
    const caps = { daily: 1, monthly: 2.5 }
    expect([
      await take(1, caps, { day: "2026-11-20" }),
      await take(1, caps, { day: "2026-11-21" }),
      await take(1, caps, { day: "2026-11-22" }),
      await take(0.5, caps, { day: "2026-11-22" }),
    ]).toEqual([null, null, "month", null])
  })

  test("of last month does not count today", async () => {
    await take(1, {}, { day: "2026-10-31" })
    expect(await take(1, { daily: 1, monthly: 1 }, { day: "2026-11-01" })).toBeNull()
  })

  test("that is refused writes nothing (L4)", async () => {
    await take(2, { daily: 1 })
    expect(await total()).toBe(0)
  })

  test("repeated for the same call is made once (L2)", async () => {
    const twice = call(0.7)
    expect([await reserve(s.db, twice, { daily: 1 }), await reserve(s.db, twice, { daily: 1 })]).toEqual([null, null])
    expect(await total()).toBeCloseTo(0.7)
  })

  test("under a cap of zero is made only for a free call", async () => {
    expect([await take(0, { daily: 0 }), await take(0.0001, { daily: 0 })]).toEqual([null, "day"])
  })
})

describe("a settled call", () => {
  test("counts with what it cost, not with what was reserved", async () => {
    const cheap = call(1)
    await reserve(s.db, cheap, { daily: 1 })
    await settleReservation(s.db, cheap.opId, "m2", 0.1)
    expect(await take(0.9, { daily: 1 })).toBeNull()
    expect(await take(0.01, { daily: 1 })).toBe("day")
  })

  test("without a known price counts with its reservation (L3)", async () => {
    const unpriced = call(0.8)
    await reserve(s.db, unpriced, { daily: 1 })
    await settleReservation(s.db, unpriced.opId, "m2", null)
    expect(await take(0.3, { daily: 1 })).toBe("day")
    expect(await s.db.query(sql`select cost_usd as cost, state, model from ledger`)).toEqual([
      { cost: null, state: "settled", model: "m2" },
    ])
  })

  test("that cost nothing adds nothing to the sum", async () => {
    const free = call(0.8)
    await reserve(s.db, free, { daily: 1 })
    await settleReservation(s.db, free.opId, "offline", 0)
    expect(await take(1, { daily: 1 })).toBeNull()
  })

  test("that was never reserved leaves the ledger as it is", async () => {
    await settleReservation(s.db, newId(), "m1", 5)
    expect(await total()).toBe(0)
  })
})

describe("however many reserve at once", () => {
  test("eight parallel reservations never pass the cap (L1)", async () => {
    const got = await Promise.all(Array.from({ length: 8 }, () => take(0.3, { daily: 1 })))
    expect(got.filter((cap) => cap === null)).toHaveLength(3)
    expect(await total()).toBeLessThanOrEqual(1)
  })

  test("the sum of the reservations never passes the cap, and each refused one would have passed it (L1)", async () => {
    const amounts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(amounts, async (cents) => {
        await s.db.raw("delete from ledger")
        const refused = (await Promise.all(cents.map((c) => take(c / 100, { daily: 1 })))).flatMap((cap, i) =>
          cap ? [cents[i] ?? 0] : [],
        )
        const sum = Math.round((await total()) * 100)
        expect(sum).toBeLessThanOrEqual(100)
        for (const c of refused) expect(sum + c).toBeGreaterThan(100)
      }),
      { numRuns: 15 },
    )
  })

  test("calls that cost more than they reserved, one after another, pass the cap by one call at most", async () => {
    let made = 0
    for (let n = 0; n < 8; n++) {
      const cheap = call(0.3)
      if ((await reserve(s.db, cheap, { daily: 1 })) !== null) continue
      made++
      await settleReservation(s.db, cheap.opId, "m1", 0.6)
    }
    expect(made).toBe(2)
    expect(await total()).toBeLessThanOrEqual(1 + 0.6)
  })
})
