import { describe, expect, test } from "vitest"
import { inert } from "../../src/base/inert.ts"
import { read } from "../../src/triage/model-answer.ts"
import { type IssueInput, propose } from "../../src/triage/proposal.ts"
import { choose, issueLabelOf, kindOf } from "../../src/triage/repository/labels.ts"

const base: IssueInput = {
  evidence: {
    shares: { bug: 0.8, feature: 0.1, question: 0.05, docs: 0.05 },
    learnt: 50,
    because: "shows a stack trace",
    similar: [],
  },
  issueState: { labels: [], assignees: [], allowed: ["bug", "Enhancement", "question", "docs", "ui"], onCall: "ana" },
  twin: null,
  answer: null,
  threshold: 0.6,
}
const answer = { kind: "feature" as const, confidence: 0.95, severity: "low" as const, labels: [], reason: "A wish" }

describe("propose", () => {
  test("the past decides when no model answers", () => {
    expect(propose(base)).toMatchObject({
      kind: "bug",
      confident: true,
      labels: ["bug"],
      assignee: "ana",
      method: "neighbours",
    })
  })

  test("below the threshold it is unsure and hard", () => {
    expect(propose({ ...base, threshold: 0.9 })).toMatchObject({ confident: false, hard: true })
  })

  test("a model that disagrees with a sure past is unsure, whatever it claims", () => {
    expect(propose({ ...base, answer })).toMatchObject({
      kind: "feature",
      confident: false,
      hard: true,
      assignee: null,
    })
  })

  test("a model that agrees with the past keeps its confidence", () => {
    expect(propose({ ...base, answer: { ...answer, kind: "bug" } })).toMatchObject({
      confident: true,
      hard: false,
      confidence: 0.95,
    })
  })

  test("nobody is assigned beside an assignee, and no label is added twice", () => {
    const issueState = { ...base.issueState, labels: ["BUG"], assignees: ["zoe"] }
    expect(propose({ ...base, issueState })).toMatchObject({
      kind: "bug",
      labels: [],
      assignee: null,
      method: "person",
    })
  })
})

describe("labels", () => {
  test("a kind gets the repository's own spelling of its first known name", () => {
    expect(issueLabelOf("feature", ["feature", "Enhancement"])).toBe("Enhancement")
    expect(issueLabelOf("docs", ["bug"])).toBeNull()
  })

  test("at most three, each allowed, and none of another kind", () => {
    expect(choose("bug", ["ui", "docs", "nope", "a", "b"], ["bug", "ui", "docs", "a", "b"])).toEqual(["bug", "ui", "a"])
  })

  test("labels of two kinds say nothing", () => {
    expect([kindOf(["bug"]), kindOf(["bug", "question"]), kindOf(["ui"])]).toEqual(["bug", null, null])
  })
})

test.each([
  ["no JSON", "a bug"],
  ["an unknown kind", JSON.stringify({ ...answer, kind: "spam" })],
  ["a confidence beyond 1", JSON.stringify({ ...answer, confidence: 2 })],
  ["a missing field", JSON.stringify({ kind: "bug" })],
])("%s is no answer", (_case, text) => {
  expect(read(text)).toBeNull()
})

test("a stranger's words come out without links, markup, mentions and invisible characters", () => {
  const said = inert(
    'see [here](https://evil.example/?q=1) <img src=x> @ana **now**\u202e\u200b\u{e0041} www.evil.example "K7 OK"',
    200,
  )
  expect(said).not.toMatch(/https|www|[<>[\]*@"]|\u202e|\u200b|\u{e0041}/u)
  expect(said).toContain("now")
  expect(inert("x".repeat(500), 80)).toHaveLength(80)
})
