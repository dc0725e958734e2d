import { expect, test } from "vitest"
import { benchReport, type Measurements, merged, readBench } from "./report.ts"

const older: Measurements = {
  when: "yesterday, commit a",
  rows: [
    { what: "warm turn", goal: "≤ 15 ms", figure: "20 ms", isMet: false },
    { what: "ready", goal: "≤ 1.2 s", figure: "1.1 s -- or less -->", ratio: "a | b", isMet: true },
  ],
  tables: [{ title: "Beside others", head: ["who"], lines: [["us"]] }],
}
const newer: Measurements = {
  when: "today, commit b",
  rows: [{ what: "warm turn", goal: "≤ 15 ms", figure: "5 ms", isMet: true }],
  tables: [{ title: "Beside others", head: ["who"], lines: [["us"], ["them"]] }],
}

test("a report can be read again, and a text that is none is nothing", () => {
  expect(readBench(benchReport(older))).toEqual(older)
  expect(readBench("# Benchmarks")).toBeNull()
})

test("what is measured again takes the place of what was there, with its own date; the rest stays", () => {
  const { when, rows, tables } = merged(older, newer)
  expect(when).toBe("yesterday, commit a")
  expect(rows.map(({ what, figure, when }) => [what, figure, when])).toEqual([
    ["warm turn", "5 ms", "today, commit b"],
    ["ready", "1.1 s -- or less -->", undefined],
  ])
  expect(tables).toEqual(newer.tables)
  expect(benchReport(merged(older, newer))).toContain("| warm turn (today, commit b) | ≤ 15 ms | 5 ms |")
})
