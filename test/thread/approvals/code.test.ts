import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readAnswer } from "../../../src/thread/approvals/answer-text.ts"
import { newCode } from "../../../src/thread/approvals/code.ts"

describe("codes", () => {
  test("every code is new, reads back as itself, and there are 252", () => {
    const taken = new Set<string>()
    for (let n = 0; n < 252; n += 1) {
      const code = newCode(() => (n * 0.37) % 1, taken)
      expect(taken.has(code)).toBe(false)
      expect(readAnswer(`${code} ok`)).toEqual({ code, verdict: "yes" })
      taken.add(code)
    }
    expect(() => newCode(() => 0, taken)).toThrow("too many approvals are open")
  })

  test("a code is letter before digit while there is one", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999999, noNaN: true }), (random) =>
        /^[A-Y][346789]$/.test(newCode(() => random, new Set())),
      ),
    )
  })
})
