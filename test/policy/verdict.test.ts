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
function inputWith({ tool, ...over }: Over = {}): VerdictInput {
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
const inputs: fc.Arbitrary<VerdictInput> = fc.record({
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

/** The rules of the design, written a second time: whether a call is allowed without asking anybody. */
function mayHappen({ tool, args, label, role, grants: held, asks }: VerdictInput): boolean {
  const granted =
    held === null ||
    held.some((g) => g.tool === tool.name && Object.entries(g.where ?? {}).every(([key, value]) => args[key] === value))
  const leaks = label.integrity === "untrusted" && label.confidentiality !== "public" && tool.effect === "send"
  return (!tool.ownerOnly || role === "owner") && granted && trusts(label.integrity, tool.needs) && !leaks && !asks
}

describe("the verdict", () => {
  test.each<[string, "allow" | "ask" | "deny", Over]>([
    ["the owner's own wish", "allow", {}],
    ["a member's own wish", "allow", { role: "member" }],
    ["P2: a member and the owner's tool", "deny", { role: "member", tool: { ownerOnly: true } }],
    ["the owner and the owner's tool", "allow", { tool: { ownerOnly: true } }],
    ["P3: no grants at all", "deny", { grants: [] }],
    ["P3: a grant for another tool", "deny", { grants: [{ tool: "read" }] }],
    ["a grant for the tool", "allow", { grants: [{ tool: "post" }] }],
    ["P3: a grant whose tool name is only the beginning of this one", "deny", { grants: [{ tool: "pos" }] }],
    ["P4: a write that content without enough trust led to", "ask", { label: stranger }],
    ["P4: a send that content without enough trust led to", "ask", { label: stranger, tool: { effect: "send" } }],
    ["P4: a read that content without enough trust led to", "deny", { label: stranger, tool: { effect: "read" } }],
    [
      "P4: a granted send that content without enough trust led to",
      "ask",
      { label: stranger, grants: [{ tool: "post" }], tool: { effect: "send" } },
    ],
    [
      "P5: untrusted and private content together going out",
      "ask",
      { label: mix(owner, stranger), tool: { effect: "send", needs: "untrusted" } },
    ],
    [
      "P5: untrusted and public content going out",
      "allow",
      { label: stranger, tool: { effect: "send", needs: "untrusted" } },
    ],
    [
      "P5: untrusted and private content staying in",
      "allow",
      { label: mix(owner, stranger), tool: { needs: "untrusted" } },
    ],
    ["P6: a tool that wants a person's yes", "ask", { asks: "it cannot be undone" }],
    ["P3: a tool that wants a person's yes, without its grant", "deny", { asks: "it cannot be undone", grants: [] }],
  ])("%s: %s", (_case, decision, over) => {
    expect(verdict(inputWith(over)).decision).toBe(decision)
  })

  test("P1: depends on its input alone, and allows exactly what the rules allow", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const same = structuredClone(input)
        const first = verdict(input)
        expect(first.decision === "allow").toBe(mayHappen(same))
        expect(input).toEqual(same)
        expect(verdict(same)).toEqual(first)
      }),
      { numRuns: 2000 },
    )
  })

  test("P2: never gives a member an owner's tool, and asks nobody for it", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const over: VerdictInput = { ...input, role: "member", tool: { ...input.tool, ownerOnly: true } }
        expect(verdict(over).decision).toBe("deny")
      }),
    )
  })

  test("P7: never becomes easier when less trusted or more secret content is added", () => {
    fc.assert(
      fc.property(inputs, labels, (input, more) => {
        const before = HARDNESS[verdict(input).decision]
        const after = HARDNESS[verdict({ ...input, label: mix(input.label, more) }).decision]
        expect(after).toBeGreaterThanOrEqual(before)
      }),
      { numRuns: 2000 },
    )
  })

  test("says why, in words that name the tool or the person", () => {
    expect([
      verdict(inputWith()).reason,
      verdict(inputWith({ grants: [{ tool: "post" }] })).reason,
      verdict(inputWith({ grants: [] })).reason,
      verdict(inputWith({ asks: "it cannot be undone" })).reason,
      verdict(inputWith({ label: stranger })).reason,
    ]).toEqual([
      "the owner asked",
      "granted",
      "no grant for post with these arguments",
      "it cannot be undone",
      "content is untrusted, post needs owner",
    ])
  })
})

describe("P3: a grant with `where`", () => {
  const decided = (where: Record<string, unknown>, args: Record<string, unknown>) =>
    verdict(inputWith({ args, grants: [{ tool: "post", where }] })).decision

  test.each<[string, Record<string, unknown>, Record<string, unknown>, "allow" | "deny"]>([
    ["the same value", { repo: "a/b" }, { repo: "a/b" }, "allow"],
    ["other arguments free", { repo: "a/b" }, { repo: "a/b", text: "anything" }, "allow"],
    ["another value", { repo: "a/b" }, { repo: "a/c" }, "deny"],
    ["a longer value", { repo: "a/b" }, { repo: "a/b2" }, "deny"],
    ["a missing argument", { repo: "a/b" }, {}, "deny"],
    ["one wrong value of two", { repo: "a/b", n: 1 }, { repo: "a/b", n: 2 }, "deny"],
    ["a text in the place of a number", { n: 1 }, { n: "1" }, "deny"],
    ["a missing argument in the place of null", { n: null }, {}, "deny"],
    ["a list in the same order", { ids: [1, 2] }, { ids: [1, 2] }, "allow"],
    ["a list in another order", { ids: [1, 2] }, { ids: [2, 1] }, "deny"],
    ["a list with one item more", { ids: [1] }, { ids: [1, 2] }, "deny"],
    ["an object with its keys in another order", { at: { a: 1, b: 2 } }, { at: { b: 2, a: 1 } }, "allow"],
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

  test("one grant alone must cover the call: constraints of two grants are not combined", () => {
    const held: Grant[] = [
      { tool: "post", where: { repo: "a/b", n: 1 } },
      { tool: "post", where: { repo: "c/d", n: 2 } },
    ]
    expect(verdict(inputWith({ args: { repo: "a/b", n: 2 }, grants: held })).decision).toBe("deny")
  })
})
