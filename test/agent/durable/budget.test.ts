import { sql } from "drizzle-orm"
import { beforeEach, describe, expect, test } from "vitest"
import { type BudgetDeps, createBudget } from "../../../src/agent/durable/budget.ts"
import { newId } from "../../../src/base/ids.ts"
import type { ModelRequest, ModelResult } from "../../../src/model/model.ts"
import { ownSpine } from "../../support/own.ts"
import { working } from "../../support/work.ts"

const request: ModelRequest = { model: "m1", system: "", messages: [], tools: [], maxOutput: 10 }
const answered = (cost: number | null): ModelResult => ({
  text: "",
  toolCalls: [],
  finish: "stop",
  usage: { input: 1, cached: 0, output: 1 },
  cost,
  provider: "t",
  model: "m1",
})

const s = await ownSpine()
const { runId } = await working(s)
beforeEach(async () => {
  await s.db.raw("delete from ledger")
})

const moneyOf = (over: Partial<BudgetDeps> = {}) =>
  createBudget({ db: s.db, caps: { daily: 1 }, estimate: () => 0.3, today: () => "2026-11-22", ...over })
const rows = () => s.db.query(sql`select reserved_usd as reserved, cost_usd as cost, state from ledger`)

test("without a cap nothing is written", async () => {
  const budget = moneyOf({ caps: {} })
  await budget.reserve(newId(), runId, request)
  await budget.settle(newId(), answered(1))
  expect(await rows()).toEqual([])
})

test("the most a call can cost is reserved, and what it cost is settled", async () => {
  const budget = moneyOf()
  const opId = newId()
  await budget.reserve(opId, runId, request)
  expect(await rows()).toEqual([{ reserved: 0.3, cost: null, state: "reserved" }])
  await budget.settle(opId, answered(0.1))
  expect(await rows()).toEqual([{ reserved: 0.3, cost: 0.1, state: "settled" }])
})

test("a call without a known price stands at its reservation", async () => {
  const budget = moneyOf({ estimate: () => 0.9 })
  const opId = newId()
  await budget.reserve(opId, runId, request)
  await budget.settle(opId, answered(null))
  await expect(budget.reserve(newId(), runId, request)).rejects.toMatchObject({ which: "day" })
})

describe("a call that could pass", () => {
  test("the day's cap is refused, and the fix names the setting", async () => {
    const budget = moneyOf({ estimate: () => 1.01 })
    await expect(budget.reserve(newId(), runId, request)).rejects.toMatchObject({
      code: "limit_day",
      fix: expect.stringContaining("DAILY_BUDGET_USD"),
    })
  })

  test("the month's cap is refused, and the fix names the setting", async () => {
    const budget = moneyOf({ caps: { monthly: 1 }, estimate: () => 1.01 })
    await expect(budget.reserve(newId(), runId, request)).rejects.toMatchObject({
      code: "limit_month",
      fix: expect.stringContaining("MONTHLY_BUDGET_USD"),
    })
  })

  test("is made on the next day", async () => {
    let day = "2026-11-22"
    const budget = moneyOf({ estimate: () => 1, today: () => day })
    await budget.reserve(newId(), runId, request)
    await expect(budget.reserve(newId(), runId, request)).rejects.toThrow("budget")
    day = "2026-11-23"
    await budget.reserve(newId(), runId, request)
  })
})

test("eight workers at once pass the cap by one call at most, though each call costs more than was thought", async () => {
  const budget = moneyOf({ estimate: () => 0.3 })
  const cost = 0.5
  const one = async () => {
    const opId = newId()
    await budget.reserve(opId, runId, request)
    await budget.settle(opId, answered(cost))
    return cost
  }
  const made = (await Promise.allSettled(Array.from({ length: 8 }, one))).filter((call) => call.status === "fulfilled")
  const reserved = made.length * 0.3
  expect(made.length).toBeGreaterThan(0)
  expect(reserved).toBeLessThanOrEqual(1 + 1e-9)
})
