/** Accuracy of the kind of an issue without a model, measured on the NLBSE'24 issues when they are installed. */
import { expect, test } from "vitest"
import { benchIssues, noIssues } from "../bench/issues.ts"

if (noIssues !== undefined) process.stdout.write(`nlbse.test.ts is skipped: ${noIssues}\n`)

test.skipIf(noIssues !== undefined)(
  "the kind of an issue is predicted as well as promised, and hardly worse for the newest issues",
  () => {
    const found = benchIssues()
    expect(found?.folds.macroF1).toBeGreaterThanOrEqual(0.76)
    expect(found?.folds.rightAt20).toBeGreaterThanOrEqual(0.95)
    expect(found?.folds.rightAt50).toBeGreaterThanOrEqual(0.89)
    expect(found?.byTime.macroF1).toBeGreaterThanOrEqual(0.66)
    expect(found?.byTime.rightAt20).toBeGreaterThanOrEqual(0.86)
  },
  600_000,
)
