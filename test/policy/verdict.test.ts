import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { canonical } from "../../src/base/canonical.ts"
import { type Label, mix, trusts } from "../../src/base/label.ts"
import { type Grant, type VerdictInput, verdict } from "../../src/policy/verdict.ts"

const INTEGRITY: Label["integrity"][] = ["untrusted", "collaborator", "system", "owner"]
const HARDNESS = { allow: 0, ask: 1, deny: 2 } as const

const owner: Label = { integrity: "owner", confidentiality: "private" }
const stranger: Label = { integrity: "untrusted", confidentiality: "public" }

type Over = Partial<Omit<VerdictInput, "tool">> & { tool?: Partial<VerdictInput["tool"]> }
function ask({ tool, ...over }: Over = {}): VerdictInput {
  return {
    tool: { name: "post", effect: "write", needs: "owner", ownerOnly: false, ...tool },
    args: {},
    label: owner,
    role: "owner",
    grants: null,
    asks: null,
    ...over,
  }
}

const labels = fc.record<Label>({
  integrity: fc.constantFrom(...INTEGRITY),
  confidentiality: fc.constantFrom("public", "private", "secret"),
})
const grants: fc.Arbitrary<Grant[] | null> = fc.option(
  fc.array(
    fc.record(
      { tool: fc.constantFrom("post", "read"), where: fc.dictionary(fc.constantFrom("a", "b"), fc.integer()) },
      { requiredKeys: ["tool"] },
    ),
  ),
)
const questions: fc.Arbitrary<VerdictInput> = fc.record({
  tool: fc.record({
    name: fc.constantFrom("post", "read"),
    effect: fc.constantFrom("read", "write", "send"),
    needs: fc.constantFrom(...INTEGRITY),
    ownerOnly: fc.boolean(),
  }),
  args: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.integer()),
  label: labels,
  role: fc.constantFrom("owner", "member"),
  grants,
  asks: fc.option(fc.constant("it cannot be undone")),
})

/** The rules as the design states them, written once more: what allows a call without asking anybody. */
function mayHappen({ tool, args, label, role, grants: held, asks }: VerdictInput): boolean {
  const granted =
    held === null ||
    held.some((g) => g.tool === tool.name && Object.entries(g.where ?? {}).every(([key, value]) => args[key] === value))
  const leaks = label.integrity === "untrusted" && label.confidentiality !== "public" && tool.effect === "send"
  return (!tool.ownerOnly || role === "owner") && granted && trusts(label.integrity, tool.needs) && !leaks && !asks
}

describe("the verdict", () => {
  test.each<[string, Over, "allow" | "ask" | "deny"]>([
    ["the owner's own wish", {}, "allow"],
    ["a member's own wish", { role: "member" }, "allow"],
    ["a member and the owner's tool", { role: "member", tool: { ownerOnly: true } }, "deny"],
    ["the owner and the owner's tool", { tool: { ownerOnly: true } }, "allow"],
    ["no grants at all", { grants: [] }, "deny"],
    ["a grant for another tool", { grants: [{ tool: "read" }] }, "deny"],
    ["a grant for the tool", { grants: [{ tool: "post" }] }, "allow"],
    ["a tool whose name only begins like the granted one", { grants: [{ tool: "pos" }] }, "deny"],
    ["a write led to by what is not trusted enough", { label: stranger }, "ask"],
    ["a send led to by what is not trusted enough", { label: stranger, tool: { effect: "send" } }, "ask"],
    ["a read led to by what is not trusted enough", { label: stranger, tool: { effect: "read" } }, "deny"],
    [
      "a grant does not make content trusted",
      { label: stranger, grants: [{ tool: "post" }], tool: { effect: "send" } },
      "ask",
    ],
    [
      "untrusted and private together going out",
      { label: mix(owner, stranger), tool: { effect: "send", needs: "untrusted" } },
      "ask",
    ],
    ["untrusted and public going out", { label: stranger, tool: { effect: "send", needs: "untrusted" } }, "allow"],
    ["untrusted and private staying in", { label: mix(owner, stranger), tool: { needs: "untrusted" } }, "allow"],
    ["a tool that wants a word", { asks: "it cannot be undone" }, "ask"],
    ["a tool that wants a word, without its grant", { asks: "it cannot be undone", grants: [] }, "deny"],
  ])("of %s is %s", (_case, over, decision) => {
    expect(verdict(ask(over)).decision).toBe(decision)
  })

  test("allows exactly what the rules allow", () => {
    fc.assert(
      fc.property(questions, (asked) => {
        expect(verdict(asked).decision === "allow").toBe(mayHappen(asked))
      }),
      { numRuns: 2000 },
    )
  })

  test("never lets a member have an owner's tool, nor asks anybody for it", () => {
    fc.assert(
      fc.property(questions, (asked) => {
        const over: VerdictInput = { ...asked, role: "member", tool: { ...asked.tool, ownerOnly: true } }
        expect(verdict(over).decision).toBe("deny")
      }),
    )
  })

  test("never gets easier when less trusted or more secret content comes in", () => {
    fc.assert(
      fc.property(questions, labels, (asked, more) => {
        const before = HARDNESS[verdict(asked).decision]
        const after = HARDNESS[verdict({ ...asked, label: mix(asked.label, more) }).decision]
        expect(after).toBeGreaterThanOrEqual(before)
      }),
      { numRuns: 2000 },
    )
  })

  test("says why, in words that name the tool or who asked", () => {
    expect([
      verdict(ask()).reason,
      verdict(ask({ grants: [{ tool: "post" }] })).reason,
      verdict(ask({ grants: [] })).reason,
      verdict(ask({ asks: "it cannot be undone" })).reason,
      verdict(ask({ label: stranger })).reason,
    ]).toEqual([
      "the owner asked",
      "granted",
      "no grant for post with these arguments",
      "it cannot be undone",
      "content is untrusted, post needs owner",
    ])
  })
})

describe("a grant with `where`", () => {
  const decided = (where: Record<string, unknown>, args: Record<string, unknown>) =>
    verdict(ask({ args, grants: [{ tool: "post", where }] })).decision

  test.each<[string, Record<string, unknown>, Record<string, unknown>, "allow" | "deny"]>([
    ["the same value", { repo: "a/b" }, { repo: "a/b" }, "allow"],
    ["other arguments are free", { repo: "a/b" }, { repo: "a/b", text: "anything" }, "allow"],
    ["another value", { repo: "a/b" }, { repo: "a/c" }, "deny"],
    ["a longer value", { repo: "a/b" }, { repo: "a/b2" }, "deny"],
    ["the argument is missing", { repo: "a/b" }, {}, "deny"],
    ["one of two is wrong", { repo: "a/b", n: 1 }, { repo: "a/b", n: 2 }, "deny"],
    ["a number is not its text", { n: 1 }, { n: "1" }, "deny"],
    ["nothing is not absence", { n: null }, {}, "deny"],
    ["lists in order", { ids: [1, 2] }, { ids: [1, 2] }, "allow"],
    ["lists in another order", { ids: [1, 2] }, { ids: [2, 1] }, "deny"],
    ["one more in the list", { ids: [1] }, { ids: [1, 2] }, "deny"],
    ["objects, whatever the order of their keys", { at: { a: 1, b: 2 } }, { at: { b: 2, a: 1 } }, "allow"],
    ["an object with one key more", { at: { a: 1 } }, { at: { a: 1, b: 2 } }, "deny"],
    ["no constraint", {}, { anything: 1 }, "allow"],
  ])("%s", (_case, where, args, decision) => {
    expect(decided(where, args)).toBe(decision)
  })

  test("covers a value and nothing but that value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (granted, given) => {
        const same = canonical(granted) === canonical(given)
        expect(decided({ x: granted }, { x: given })).toBe(same ? "allow" : "deny")
        expect(decided({ x: granted }, { x: structuredClone(granted) })).toBe("allow")
      }),
    )
  })

  test("is one grant or another: constraints of two grants are not put together", () => {
    const held: Grant[] = [
      { tool: "post", where: { repo: "a/b", n: 1 } },
      { tool: "post", where: { repo: "c/d", n: 2 } },
    ]
    expect(verdict(ask({ args: { repo: "a/b", n: 2 }, grants: held })).decision).toBe("deny")
  })
})
