import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { testDir } from "../support/dir.ts"
import { benchPage, type Measurements, merged, readBench, writeJson } from "./report.ts"

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

test("what was measured can be read again, and where nothing was there is nothing", () => {
  const { dir, remove } = testDir()
  onTestFinished(remove)
  const file = join(dir, "bench.json")
  expect(readBench(file)).toBeNull()
  writeJson(file, older)
  expect(readBench(file)).toEqual(older)
})

test("what is measured again takes the place of what was there, with its own date; the rest stays", () => {
  const { when, rows, tables } = merged(older, newer)
  expect(when).toBe("yesterday, commit a")
  expect(rows.map(({ what, figure, when }) => [what, figure, when])).toEqual([
    ["warm turn", "5 ms", "today, commit b"],
    ["ready", "1.1 s -- or less -->", undefined],
  ])
  expect(tables).toEqual(newer.tables)
  expect(benchPage(merged(older, newer))).toContain("| warm turn (today, commit b) | ≤ 15 ms | 5 ms |")
})
