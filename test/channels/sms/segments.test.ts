import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { fitLines, measure } from "../../../src/channels/sms/segments.ts"

describe("the cost of a text", () => {
  test.each([
    ["", "gsm7", 0],
    ["a".repeat(160), "gsm7", 1],
    ["a".repeat(161), "gsm7", 2],
    ["a".repeat(306), "gsm7", 2],
    ["a".repeat(307), "gsm7", 3],
    ["\u20ac".repeat(80), "gsm7", 1],
    ["\u20ac".repeat(81), "gsm7", 2],
    ["\u4f60".repeat(70), "ucs2", 1],
    ["\u4f60".repeat(71), "ucs2", 2],
    ["\u{1f600}".repeat(35), "ucs2", 1],
    ["\u{1f600}".repeat(36), "ucs2", 2],
    [`${"a".repeat(159)}\u2019`, "ucs2", 3],
  ])("%j takes %s and %i segments", (text, encoding, segments) => {
    expect(measure(text)).toMatchObject({ encoding, segments })
  })

  test("a character of two units is not torn between segments", () => {
    const torn = `${"a".repeat(152)}\u20ac${"a".repeat(152)}`
    expect(measure(torn)).toEqual({ encoding: "gsm7", units: 306, segments: 3 })
    expect(measure(`${"\u4f60".repeat(66)}\u{1f600}${"\u4f60".repeat(66)}`)).toEqual({
      encoding: "ucs2",
      units: 134,
      segments: 3,
    })
  })
})

const line = fc.record({
  text: fc.string({
    unit: fc.constantFrom("a", "b", " ", "\u20ac", "\u00e9", "\u4f60", "\u{1f600}"),
    minLength: 1,
    maxLength: 120,
  }),
  keep: fc.boolean(),
})

describe("fitting lines into a budget", () => {
  test("the text is within the budget, whatever the lines are", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4 }), (lines, budget) => {
        expect(measure(fitLines(lines, budget).text).segments).toBeLessThanOrEqual(budget)
        expect(measure(fitLines(lines, budget, (n) => `+${n} MORE`).text).segments).toBeLessThanOrEqual(budget)
      }),
    )
  })

  test("the text has whole lines in their order, and the missing lines are counted", () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4 }), (lines, budget) => {
        const fitted = fitLines(lines, budget)
        if (fitted.dropped >= lines.length - 1) return
        const left = fitted.text.split("\n")
        expect(left.length).toBe(lines.length - fitted.dropped)
        let from = -1
        for (const text of left) {
          from = lines.findIndex((given, index) => index > from && given.text === text)
          expect(from).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  test("the first line and the lines to keep stay longer than all others", () => {
    const lines = [
      { text: "Triage: 14 issues" },
      ...Array.from({ length: 20 }, (_, n) => ({ text: `${n} plain line` })),
      { text: "Needs you: 2", keep: true },
    ]
    expect(fitLines(lines, 1, (dropped) => `${dropped} more: reply MORE`)).toEqual({
      text: [
        "Triage: 14 issues",
        ...[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `${n} plain line`),
        "Needs you: 2",
        "12 more: reply MORE",
      ].join("\n"),
      dropped: 12,
    })
  })

  test("lines that fit stay as they are", () => {
    expect(fitLines([{ text: "a" }, { text: "b" }], 1, () => "MORE")).toEqual({ text: "a\nb", dropped: 0 })
  })
})
