import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { newCode, readApproval } from "../../src/channels/approval-text.ts"

describe("answers", () => {
  test.each([
    ["K7 OK", { code: "K7", verdict: "yes" }],
    ["k7 no", { code: "K7", verdict: "no" }],
    ["OK K7", { code: "K7", verdict: "yes" }],
    ["no, 7k.", { code: "7K", verdict: "no" }],
    ["K7", { code: "K7", verdict: "ask" }],
    ["k7 why", { code: "K7", verdict: "ask" }],
    ["/approve K7", { code: "K7", verdict: "yes" }],
    ["ok", { verdict: "yes" }],
    ["N", { verdict: "no" }],
    ["Yes!", { verdict: "yes" }],
    ["K7 edit: to Ben, not Ana", { code: "K7", verdict: "change", words: "to Ben, not Ana" }],
    ["k7: change to\ntomorrow", { code: "K7", verdict: "change", words: "to\ntomorrow" }],
    ["edit K7 to Ben", { code: "K7", verdict: "change", words: "to Ben" }],
    ["/edit K7: to Ben", { code: "K7", verdict: "change", words: "to Ben" }],
    ["Edit: to Ben", { verdict: "change", words: "to Ben" }],
    ["K7 maybe", { code: "K7", verdict: "change", words: "maybe", loose: true }],
    ["k7, ok but tomorrow", { code: "K7", verdict: "change", words: "ok but tomorrow", loose: true }],
  ])("%s is an answer", (text, answer) => {
    expect(readApproval(text, "telegram")).toEqual(answer)
  })

  test.each([
    "",
    "OK?",
    "ok do it",
    "edit my list",
    "edit:",
    "edit K0: to Ben",
    "in 5 minutes",
    "why",
    "/approve",
    "OK OK",
    "K7 M4",
    "K0 ok",
    "KK ok",
    "47 ok",
    "no way",
  ])("%j is talk", (text) => {
    expect(readApproval(text, "telegram")).toBeNull()
  })

  test("on SMS the carrier's words are never an answer, elsewhere YES is", () => {
    expect(readApproval("YES", "sms")).toBeNull()
    expect(readApproval("Yes.", "sms")).toBeNull()
    expect(readApproval("STOP", "sms")).toBeNull()
    expect(readApproval("K7 YES", "sms")).toEqual({ code: "K7", verdict: "yes" })
    expect(readApproval("YES", "web")).toEqual({ verdict: "yes" })
  })
})

describe("handles", () => {
  test("every handle is new, reads back as itself, and there are 252", () => {
    const taken = new Set<string>()
    for (let n = 0; n < 252; n += 1) {
      const code = newCode(() => (n * 0.37) % 1, taken)
      expect(taken.has(code)).toBe(false)
      expect(readApproval(`${code} ok`, "sms")).toEqual({ code, verdict: "yes" })
      taken.add(code)
    }
    expect(() => newCode(() => 0, taken)).toThrow("too many approvals are open")
  })

  test("a handle is letter before digit while there is one", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999999, noNaN: true }), (random) =>
        /^[A-Y][346789]$/.test(newCode(() => random, new Set())),
      ),
    )
  })
})
