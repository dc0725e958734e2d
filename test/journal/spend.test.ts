import { sql } from "drizzle-orm"
import { beforeEach, expect, test } from "vitest"
import { newId } from "../../src/base/ids.ts"
import { json } from "../../src/db/sql.ts"
import { spendOf } from "../../src/journal/spend.ts"
import { ownSpine } from "../support/own.ts"
import { working } from "../support/work.ts"

const NOW = new Date("2026-11-22T12:00:00Z")
const s = await ownSpine()
let runId = ""
let n = 0
beforeEach(async () => {
  await s.db.script(
    "alter table journal disable trigger user; delete from journal; alter table journal enable trigger user",
  )
  runId = (await working(s)).runId
})

async function call(at: string, cost: number | null, over: { model?: string; kind?: string; phase?: string } = {}) {
  const { model = "m1", kind = "model", phase = "outcome" } = over
  await s.db.query(sql`
    insert into journal (run_id, n, phase, kind, name, op_id, replay, epoch, at, result, input_tokens, output_tokens, cost_usd)
    values (${runId}, ${n++}::int, ${phase}, ${kind}, 'reply', ${newId()}, 'pure', 1, ${at}::timestamptz, ${json({ model })}, 100, 10, ${cost}::double precision)`)
}

test("nothing was spent before the first call", async () => {
  const none = { calls: 0, tokens: 0, usd: 0, unpriced: 0 }
  expect(await spendOf(s.db, NOW)).toEqual({ today: none, month: none, byModel: [] })
})

test("the month includes the day, and last month is in neither", async () => {
  await call("2026-11-22T00:00:00Z", 0.5)
  await call("2026-11-21T23:59:59Z", 0.25)
  await call("2026-11-01T00:00:00Z", 1)
  await call("2026-10-31T23:59:59Z", 100)
  const { today, month } = await spendOf(s.db, NOW)
  expect(today).toEqual({ calls: 1, tokens: 110, usd: 0.5, unpriced: 0 })
  expect(month).toEqual({ calls: 3, tokens: 330, usd: 1.75, unpriced: 0 })
})

test("a call without a known price is counted as such, and never as free", async () => {
  await call("2026-11-22T01:00:00Z", null)
  await call("2026-11-22T02:00:00Z", 0)
  await call("2026-11-22T03:00:00Z", 0.5)
  expect((await spendOf(s.db, NOW)).today).toEqual({ calls: 3, tokens: 330, usd: 0.5, unpriced: 1 })
})

test("each model has its own sum", async () => {
  await call("2026-11-22T01:00:00Z", 0.5, { model: "big" })
  await call("2026-11-02T01:00:00Z", 0.5, { model: "big" })
  await call("2026-11-22T01:00:00Z", 0.25, { model: "small" })
  const { byModel } = await spendOf(s.db, NOW)
  expect(byModel.toSorted((a, b) => b.usd - a.usd)).toMatchObject([
    { model: "big", calls: 2, usd: 1 },
    { model: "small", calls: 1, usd: 0.25 },
  ])
})

test("a tool call, or a model call without an outcome, is not counted", async () => {
  await call("2026-11-22T01:00:00Z", 9, { kind: "tool" })
  await call("2026-11-22T01:00:00Z", 9, { phase: "intent" })
  expect((await spendOf(s.db, NOW)).month.calls).toBe(0)
})
