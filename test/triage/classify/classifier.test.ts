import { describe, expect, test } from "vitest"
import { type Example, train } from "../../../src/triage/classify/classifier.ts"
import { best } from "../../../src/triage/classify/kind.ts"
import { guess } from "../../../src/triage/classify/rules.ts"
import { blocksOf, readIssueText, stems } from "../../../src/triage/classify/words.ts"
import { createLearning } from "../../../src/triage/decisions/learning.ts"
import { PAST } from "../../../src/triage/demo/past.ts"
import { growth } from "../../support/growth.ts"

describe("rules", () => {
  test.each([
    ["bug", "Crash when saving", ""],
    ["bug", "Saving a file", '```\nTraceback (most recent call last):\n  File "a.py", line 3\n```'],
    ["bug", "Saving", "### Steps to reproduce\nsave\n### Expected behaviour\nsaved"],
    ["feature", "Please add a dark theme", ""],
    ["feature", "Themes", "It would be great to have a dark one."],
    ["question", "How do I change the theme?", ""],
    ["question", "Themes", "Is there a way to change it? How can I do that?"],
    ["docs", "Typo in the README", ""],
    ["docs", "Installation guide", "The docs say `npm instal`; there is a typo."],
  ])("say %s of: %s", (kind, title, body) => {
    const found = best(guess({ title, body }).shares)
    expect(found.kind).toBe(kind)
    expect(found.share).toBeGreaterThan(0.4)
  })

  test("are unsure of an issue that says nothing", () => {
    expect(best(guess({ title: "Invoices", body: "As discussed." }).shares).share).toBeLessThan(0.6)
    expect(guess({ title: "Invoices", body: "As discussed." }).because).toBeNull()
  })

  test.each(["<!-- ", "**a", "```\n", "how "])("take a hostile text of %j in proportion to its length", (part) => {
    const read = (size: number) => {
      const issue = { title: part.repeat(size), body: part.repeat(size) }
      guess(issue)
      blocksOf(issue)
    }
    expect(growth(read, 5000)).toBeLessThan(8)
  })
})

describe("training", () => {
  const wording = (kind: Example["kind"], words: string): Example[] =>
    Array.from({ length: 12 }, (_, at) => ({ kind, title: `${words} number ${at}`, body: `about ${words}` }))
  const examples = [...wording("docs", "frobnicate the gadget"), ...wording("question", "polish the widget")]

  test("past decisions of the repository outweigh the usual meaning of the words", () => {
    const issue = { title: "Please frobnicate this gadget", body: "frobnicate" }
    expect(best(guess(issue).shares).kind).not.toBe("docs")
    const classifier = train([...examples, ...examples, ...examples])
    expect(best(classifier.shares(issue)).kind).toBe("docs")
    expect(classifier.learnt).toBe(72)
  })

  test("with few decisions the rules decide alone", () => {
    const issue = { title: "Crash on start", body: "" }
    expect(train(examples.slice(0, 5)).shares(issue)).toEqual(guess(issue).shares)
  })

  test("the same decisions always give the same shares, and shares sum to one", () => {
    const issue = { title: "Search finds nothing", body: "It used to work." }
    const shares = train([...PAST]).shares(issue)
    expect(train([...PAST]).shares(issue)).toEqual(shares)
    expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9)
  })

  test("issues about one matter are more similar than others, and an issue has similarity 1 to itself", () => {
    const { similarity } = train([...PAST])
    const [checkout, carts] = PAST
    if (!checkout || !carts) throw new Error("no past")
    expect(similarity(checkout, checkout)).toBeCloseTo(1, 9)
    expect(
      similarity({ title: "Checkout button broken on Safari", body: "Tap Checkout: nothing." }, checkout),
    ).toBeGreaterThan(similarity(carts, checkout) + 0.1)
  })

  test("decisions are learnt in proportion to their number", () => {
    const learn = (size: number) => void train(Array.from({ length: size }, () => PAST).flat())
    expect(growth(learn, 2)).toBeLessThan(8)
  })
})

describe("learning", () => {
  test("is repeated after a correction or enough new decisions, not after each decision", async () => {
    let asked = 0
    let version = { count: 100, corrections: "" }
    const learning = createLearning({
      examples: async () => {
        asked++
        return [...PAST]
      },
      version: async () => version,
    })
    await learning.of("octo/demo")
    version = { count: 104, corrections: "" }
    await learning.of("Octo/Demo")
    expect(asked).toBe(1)
    version = { count: 104, corrections: "one" }
    await learning.of("octo/demo")
    expect(asked).toBe(2)
    version = { count: 110, corrections: "one" }
    await learning.of("octo/demo")
    expect(asked).toBe(3)
  })
})

test("forms of a word have one stem", () => {
  expect(new Set(stems("crash crashes crashed crashing"))).toEqual(new Set(["crash"]))
  expect(new Set(stems("save saves saved saving"))).toEqual(new Set(["sav"]))
})

test("code and links become one word each, and comments none", () => {
  const { prose, headings } = readIssueText(
    "## Steps to do\n<!-- template -->\n```js\nlet secretWord\n```\nsee https://a.example/b",
  )
  expect(headings).toEqual(["Steps to do"])
  expect(prose).not.toMatch(/secretWord|template|example/)
})
