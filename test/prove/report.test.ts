import { expect, test } from "vitest"
import { isHeld, promisesReport, readReport, type Shown, standing } from "./report.ts"

const saw = (name: string, violations: string[], expects: "green" | "red" = "green"): Shown => ({
  proof: { name, expects },
  database: "pglite",
  form: "full",
  when: "2026-11-22T18:51Z, commit 0355620",
  seconds: 3,
  load: 1.25,
  evidence: { figures: { messages: 12_000 }, violations },
})
const vow = (proofs: string[], notYet?: string) => ({
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
  const both = vow(["kill loop", "power cuts"])
  expect(standing(both, [saw("kill loop", []), saw("power cuts", [])])).toBe("held")
  expect(standing(both, [saw("kill loop", [])])).toBe("not yet")
  const short = { ...saw("kill loop", []), form: "short" as const }
  expect(standing(both, [short, saw("power cuts", [])])).toBe("held in short")
  expect(standing(both, [saw("kill loop", []), saw("power cuts", ["a row is gone"])])).toBe("broken")
})

test("a promise holds only when its proof ran on each of its databases, and the report says where it did not", () => {
  const everywhere = new Map([["kill loop", ["postgres", "pglite"]]])
  const onOne = [saw("kill loop", [])]
  expect(standing(vow(["kill loop"]), onOne, everywhere)).toBe("not yet")
  expect(promisesReport("# Promises", [vow(["kill loop"])], onOne, everywhere)).toContain(
    "kill loop; did not run: kill loop on postgres | not yet |",
  )
  const onBoth = [...onOne, { ...saw("kill loop", []), database: "postgres" }]
  expect(standing(vow(["kill loop"]), onBoth, everywhere)).toBe("held")
})

test("a promise without a proof is not yet one, and the report says why", () => {
  expect(standing(vow([], "it is not built"), [])).toBe("not yet")
  expect(promisesReport("# Promises", [vow([], "it is not built")], [])).toContain("| it is not built | not yet |")
})

test("the report has each promise, each control with what it broke, and each figure", () => {
  const shown = [saw("kill loop", ["a | b was lost"]), saw("fence off", ["a stale worker wrote"], "red")]
  const report = promisesReport("# Promises", [vow(["kill loop"])], shown)
  expect(report).toContain("| nothing is lost | 0 of 10 | kill loop | **broken** |")
  expect(report).toContain("| fence off | pglite | 1, first: a stale worker wrote | red, as it must be |")
  expect(report).toContain(
    "| kill loop | pglite | messages 12,000 | 3 | 1.3 | 1: a \\| b was lost | 2026-11-22T18:51Z, commit 0355620 |",
  )
})

test("a report can be read back, whatever the violations say", () => {
  const shown = [saw("kill loop", ["--> was lost"]), saw("fence off", [], "red")]
  expect(readReport(promisesReport("# Promises", [], shown))).toEqual(shown)
  expect(readReport("# Another text")).toEqual([])
})
