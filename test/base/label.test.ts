import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { type Label, mix, OWNER_LABEL, SYSTEM_LABEL, trusts, UNTRUSTED_LABEL } from "../../src/base/label.ts"

/** All labels: integrity from the least trustworthy, confidentiality from the least secret. */
const INTEGRITY: Label["integrity"][] = ["untrusted", "collaborator", "system", "owner"]
const CONFIDENTIALITY: Label["confidentiality"][] = ["public", "private", "secret"]

const labels = fc.record<Label>({
  integrity: fc.constantFrom(...INTEGRITY),
  confidentiality: fc.constantFrom(...CONFIDENTIALITY),
})

describe("a mixture of labels", () => {
  test("does not depend on the order of its parts", () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        expect(mix(a, b)).toEqual(mix(b, a))
      }),
    )
  })

  test("does not depend on how its parts are grouped", () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, c) => {
        expect(mix(mix(a, b), c)).toEqual(mix(a, mix(b, c)))
        expect(mix(a, b, c)).toEqual(mix(mix(a, b), c))
      }),
    )
  })

  test("of a label with itself is that label", () => {
    fc.assert(
      fc.property(labels, (a) => {
        expect(mix(a, a)).toEqual(a)
      }),
    )
  })

  test("is never more trustworthy than any of its parts", () => {
    fc.assert(
      fc.property(labels, fc.array(labels), (first, rest) => {
        const mixed = INTEGRITY.indexOf(mix(first, ...rest).integrity)
        expect(mixed).toBe(Math.min(...[first, ...rest].map((label) => INTEGRITY.indexOf(label.integrity))))
      }),
    )
  })

  test("is never less secret than any of its parts", () => {
    fc.assert(
      fc.property(labels, fc.array(labels), (first, rest) => {
        const mixed = CONFIDENTIALITY.indexOf(mix(first, ...rest).confidentiality)
        expect(mixed).toBe(Math.max(...[first, ...rest].map((l) => CONFIDENTIALITY.indexOf(l.confidentiality))))
      }),
    )
  })

  test("of the owner's words and a stranger's is untrusted and private", () => {
    expect(mix(OWNER_LABEL, UNTRUSTED_LABEL)).toEqual({ integrity: "untrusted", confidentiality: "private" })
  })

  test("of the owner's words and the system's is the system's", () => {
    expect(mix(OWNER_LABEL, SYSTEM_LABEL)).toEqual(SYSTEM_LABEL)
  })
})

test("each integrity trusts itself and what is below it, and nothing above", () => {
  for (const [have, a] of INTEGRITY.entries())
    for (const [need, b] of INTEGRITY.entries()) expect([a, b, trusts(a, b)]).toEqual([a, b, have >= need])
})
