import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { writeJson } from "../bench/report.ts"
import { testDir } from "../support/dir.ts"
import { isHeld, promisesPage, type Report, readReport, type Shown, standing } from "./report.ts"

const saw = (name: string, violations: string[], expects: "green" | "red" = "green"): Shown => ({
  proof: { name, expects },
  database: "pglite",
  form: "full",
  when: "2026-11-22T18:51Z, commit 0355620",
  seconds: 3,
  load: 1.25,
  evidence: { figures: { messages: 12_000 }, violations },
})
const reportOf = (shown: Shown[]): Report => ({
  when: "2026-11-22T19:00Z, commit 0355620",
  machine: "2 cores",
  seed: "7",
  whole: { when: "2026-11-22T18:40Z, commit 0355620", seconds: 1152 },
  shown,
})
const promised = (proofs: string[], notYet?: string) => ({
  promise: "nothing is lost",
  goal: "0 of 10",
  proofs,
  ...(notYet ? { notYet } : {}),
})

test("a green proof holds without violations, a negative control only with them", () => {
  expect(isHeld(saw("kill loop", []))).toBe(true)
  expect(isHeld(saw("kill loop", ["job-1 was lost"]))).toBe(false)
  expect(isHeld(saw("fence off", ["a stale worker wrote"], "red"))).toBe(true)
  expect(isHeld(saw("fence off", [], "red"))).toBe(false)
})

test("a promise holds only when each of its proofs ran and held", () => {
  const both = promised(["kill loop", "power cuts"])
  expect(standing(both, [saw("kill loop", []), saw("power cuts", [])])).toBe("held")
  expect(standing(both, [saw("kill loop", [])])).toBe("not yet")
  const short = { ...saw("kill loop", []), form: "short" as const }
  expect(standing(both, [short, saw("power cuts", [])])).toBe("held in short")
  expect(standing(both, [saw("kill loop", []), saw("power cuts", ["a row is gone"])])).toBe("broken")
})

test("a promise holds only when its proof ran on each of its databases, and the report says where it did not", () => {
  const everywhere = new Map([["kill loop", ["postgres", "pglite"]]])
  const onOne = [saw("kill loop", [])]
  expect(standing(promised(["kill loop"]), onOne, everywhere)).toBe("not yet")
  expect(promisesPage(reportOf(onOne), [promised(["kill loop"])], everywhere)).toContain(
    "kill loop; did not run: kill loop on postgres | not yet |",
  )
  const onBoth = [...onOne, { ...saw("kill loop", []), database: "postgres" }]
  expect(standing(promised(["kill loop"]), onBoth, everywhere)).toBe("held")
})

test("a promise without a proof is not yet one, and the report says why", () => {
  expect(standing(promised([], "it is not built"), [])).toBe("not yet")
  expect(promisesPage(reportOf([]), [promised([], "it is not built")])).toContain("| it is not built | not yet |")
})

test("the report has each promise, each control with what it broke, and each figure", () => {
  const shown = [saw("kill loop", ["a | b was lost"]), saw("fence off", ["a stale worker wrote"], "red")]
  const report = promisesPage(reportOf(shown), [promised(["kill loop"])])
  expect(report).toContain("| nothing is lost | 0 of 10 | kill loop | **broken** |")
  expect(report).toContain("| fence off | pglite | 1, first: a stale worker wrote | red, as it must be |")
  expect(report).toContain(
    "| kill loop | pglite | messages 12,000 | 3 | 1.3 | 1: a \\| b was lost | 2026-11-22T18:51Z, commit 0355620 |",
  )
})

test("the page says when it was written, and how long a whole run took", () => {
  const page = promisesPage(reportOf([]), [])
  expect(page).toContain("last on 2026-11-22T19:00Z, commit 0355620; 2 cores, seed 7.")
  expect(page).toContain("A whole run took 1152 s (2026-11-22T18:40Z, commit 0355620)")
  expect(promisesPage({ ...reportOf([]), whole: null }, [])).not.toContain("whole run")
})

test("what the proofs saw can be read again, and where there is nothing there is none", () => {
  const { dir, remove } = testDir()
  onTestFinished(remove)
  const file = join(dir, "promises.json")
  expect(readReport(file)).toBeNull()
  const report = reportOf([saw("kill loop", ["job-1 was lost"]), saw("fence off", [], "red")])
  writeJson(file, report)
  expect(readReport(file)).toEqual(report)
})
