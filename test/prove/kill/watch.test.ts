import { expect, test } from "vitest"
import { judged } from "./watch.ts"

test("a takeover is a recovery from a kill, nothing to note after a freeze, and else the worker was starved", () => {
  const alive = new Map([
    ["killed", 900],
    ["frozen", 1900],
    ["frozen and gone on", 19_000],
    ["starved", 28_000],
  ])
  const interruptions = [
    { at: 1000, wasFrozen: false },
    { at: 2000, wasFrozen: true },
    { at: 29_000, wasFrozen: false },
  ]
  const takeovers = [
    { from: "killed", at: 6500 },
    { from: "frozen", at: 7100 },
    { from: "frozen and gone on", at: 7200 },
    { from: "starved", at: 27_800 },
  ]
  expect(judged(takeovers, alive, interruptions)).toEqual({ recoveries: [5500], starved: [new Date(27_800)] })
})
