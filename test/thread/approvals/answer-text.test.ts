import { describe, expect, test } from "vitest"
import { readAnswer } from "../../../src/thread/approvals/answer-text.ts"

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
    expect(readAnswer(text)).toEqual(answer)
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
    expect(readAnswer(text)).toBeNull()
  })
})
