import { describe, expect, test } from "vitest"
import {
  codeOf,
  Deny,
  Fenced,
  Limit,
  Misconfigured,
  messageOf,
  Reject,
  Retry,
  Uncertain,
  VigilError,
} from "../../src/base/errors.ts"

const cause = new Error("the socket closed")
const all = [
  ["Retry", "retry", (details: object) => new Retry("busy", details)],
  ["Uncertain", "unknown_outcome", (details: object) => new Uncertain("lost", details)],
  ["Reject", "rejected", (details: object) => new Reject(404, "gone", details)],
  ["Deny", "denied", (details: object) => new Deny("no", details)],
  ["Limit", "limit_steps", (details: object) => new Limit("steps", "too many", details)],
  ["Fenced", "fenced", (details: object) => new Fenced("stale", details)],
  ["Misconfigured", "misconfigured", (details: object) => new Misconfigured("unset", { fix: "set it", ...details })],
] as const

describe.each(all)("%s", (name, code, make) => {
  test("has its name, and its code when none is given", () => {
    expect(make({})).toMatchObject({ name, code })
  })

  test("keeps the code, the fix and the cause it is given", () => {
    const error = make({ code: "its_own", fix: "do this", cause })
    expect([error.code, error.fix, error.cause]).toEqual(["its_own", "do this", cause])
  })

  test("has no cause when none is given, not an undefined one", () => {
    expect("cause" in make({})).toBe(false)
  })

  test("is a VigilError, with a stack", () => {
    const error = make({})
    expect([error instanceof VigilError, error instanceof Error, typeof error.stack]).toEqual([true, true, "string"])
  })
})

test("a Retry says how long to wait, or nothing when the other side named no time", () => {
  expect([new Retry("busy", { afterMs: 1500 }).afterMs, new Retry("busy").afterMs]).toEqual([1500, undefined])
})

test("a Reject says the HTTP status to answer", () => {
  expect(new Reject(413, "too large").status).toBe(413)
})

test("a Limit says which cap was reached", () => {
  expect(new Limit("day", "spent").which).toBe("day")
})

describe("the code of what was thrown", () => {
  test.each([
    ["an error of ours", new Deny("no", { code: "bad_signature" }), "bad_signature"],
    ["Node's", Object.assign(new Error("no file"), { code: "ENOENT" }), "ENOENT"],
    ["the database's", Object.assign(new Error("twice"), { code: "23505" }), "23505"],
    ["an error without one", new Error("oops"), "internal"],
    ["an error with a number for one", Object.assign(new Error("oops"), { code: 7 }), "internal"],
    ["no error at all", "oops", "internal"],
    ["nothing", undefined, "internal"],
    ["a plain object", { code: "x" }, "internal"],
  ])("%s", (_what, thrown, code) => {
    expect(codeOf(thrown)).toBe(code)
  })
})

describe("the message of what was thrown", () => {
  test.each([
    ["an error", new Error("oops"), "oops"],
    ["a text", "oops", "oops"],
    ["nothing", null, "null"],
    ["a symbol", Symbol("odd"), "Symbol(odd)"],
  ])("%s", (_what, thrown, message) => {
    expect(messageOf(thrown)).toBe(message)
  })

  test("is found even for an object that cannot be made a string", () => {
    expect(messageOf(Object.create(null))).toBe("[object Object]")
    const stubborn = {
      toString() {
        throw new Error("never")
      },
    }
    expect(messageOf(stubborn)).toBe("[object Object]")
  })
})
