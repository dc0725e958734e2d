import fc from "fast-check"
import { expect, test } from "vitest"
import { pageOf } from "../../../src/channels/sms/page.ts"
import { measure } from "../../../src/channels/sms/segments.ts"

/** All pages of a body, as a person gets them who always replies MORE. */
function pagesOf(body: string): string[] {
  const pages: string[] = []
  let rest = body
  do {
    const page = pageOf(rest)
    pages.push(page.text)
    rest = page.rest
  } while (rest !== "")
  return pages
}

test("a text that fits in four segments is one page, without a closing line", () => {
  expect(pageOf("Done.")).toEqual({ text: "Done.", rest: "" })
  const full = "a".repeat(4 * 153)
  expect(pageOf(full)).toEqual({ text: full, rest: "" })
})

test("the page of a longer text ends after a line where it can, and says how to get the rest", () => {
  const body = Array.from({ length: 60 }, (_, n) => `line ${n} and its words`).join("\n")
  const { text, rest } = pageOf(body)
  expect(text).toMatch(/words\nReply MORE for the rest$/)
  expect(rest).toMatch(/^line \d+ and its words\n/)
})

test("the pages together say the whole text in order, and each has at most four segments", () => {
  const sign = fc.constantFrom("a", "7", "{", "\u20ac", "\u4e2d", "\u{1f44d}", " ", "\n", "w ", "x\n")
  fc.assert(
    fc.property(fc.array(sign, { minLength: 1, maxLength: 3000 }), (signs) => {
      const body = signs.join("").trim()
      fc.pre(body !== "")
      const pages = pagesOf(body)
      for (const page of pages) {
        expect(measure(page).segments).toBeLessThanOrEqual(4)
        expect(page.isWellFormed()).toBe(true)
      }
      const said = pages.map((page) => page.replace(/\nReply MORE for the rest$/, "")).join("")
      expect(said.replace(/\s/g, "")).toBe(body.replace(/\s/g, ""))
    }),
    { numRuns: 60 },
  )
})

test("no character is torn between two pages", () => {
  for (const start of ["", "a"]) {
    const pages = pagesOf(start + "\u{1f44d}".repeat(300))
    expect(pages.length).toBeGreaterThan(2)
    for (const page of pages) expect(page.isWellFormed()).toBe(true)
  }
})
