import { expect, test } from "vitest"
import { spanText, usdText } from "../../../src/base/text/format.ts"

test.each([
  [0, "$0"],
  [0.00000012, "$0.00000012"],
  [0.0012, "$0.0012"],
  [0.01, "$0.01"],
  [1.256, "$1.26"],
])("%d US dollars are %s", (usd, text) => {
  expect(usdText(usd)).toBe(text)
})

test.each([
  [640.4, "640 ms"],
  [2400, "2.4 s"],
  [185_000, "3 min 5 s"],
  [119_900, "2 min 0 s"],
])("%d milliseconds are %s", (ms, text) => {
  expect(spanText(ms)).toBe(text)
})
