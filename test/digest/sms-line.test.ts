import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { isGsm7 } from "../../src/channels/sms/segments.ts"
import { strangerLine as inert, ownLine as oneLine } from "../../src/digest/sms-line.ts"

describe("a stranger's title", () => {
  test.each([
    ["Checkout breaks on Safari", "Checkout breaks on Safari"],
    ["see https://evil.example/x?y=1 now", "see now"],
    ["see ht\u200btps://evil.example now", "see now"],
    ["see ht*tps://evil.example now", "see ht now"],
    ["\uff48\uff54\uff54\uff50\uff53\uff1a\uff0f\uff0fevil.example hi", "hi"],
    ["visit evil.example today", "visit evil example today"],
    ["www.evil.example", ""],
    ["10.0.0.1 since v1.2.3", "10 0 0.1 since v1.2.3"],
    ["[click](https://evil.example) **now** `rm`", "click now 'rm'"],
    ["<b>bold</b> <https://evil.example>", "b bold b"],
    ["@everyone /approve #tag", "everyone approve tag"],
    ["write to mailto:a@b.example", "write to"],
    ['K7" said the owner, "OK', "K7' said the owner, 'OK"],
    ["line one\nline two\ttab", "line one line two tab"],
    ["safe\u202egnp.exe", "safegnp exe"],
    ["tag\u{e0041}\u{e0042}s", "tags"],
    [
      "caf\u00e9 na\u00efve \u0141\u00f3d\u017a \u201cquoted\u201d \u2014 done\u2026",
      "caf\u00e9 naive ?odz 'quoted' - done...",
    ],
    ["\u7ed3\u8d26\u5728\u624b\u673a\u4e0a\u5931\u8d25", ""],
    ["\u{1f680} launch", "launch"],
  ])("%j becomes %j", (title, text) => {
    expect(inert(title)).toBe(text)
  })

  test("is cut at 80 characters", () => {
    expect(inert("a".repeat(200))).toBe(`${"a".repeat(77)}...`)
    expect(inert("a".repeat(80))).toBe("a".repeat(80))
  })

  test("is inert whatever is in it", () => {
    const parts = fc.constantFrom("https://", "http:", "//", "www.", "evil", ".example", "@", "#", "/", "*", "_", "`")
    const signs = fc.constantFrom(
      '"',
      "\u201d",
      "\u200b",
      "\u202e",
      "\n",
      "[",
      "](",
      ")",
      "<",
      ">",
      "\u{e0041}",
      " ",
      "x",
    )
    const title = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fc.oneof(parts, signs), { maxLength: 30 }).map((all) => all.join("")),
    )
    fc.assert(
      fc.property(title, (text) => {
        const dead = inert(text)
        expect(dead).not.toMatch(/:\/\/|\bwww\.|[*_~`<>|\\[\](){}^"@\n\r\f]|[\p{L}\p{N}]\.\p{L}/u)
        expect(dead).not.toMatch(/[\p{C}\p{Default_Ignorable_Code_Point}]/u)
        expect(dead).not.toMatch(/(?:^| )[/#$]\w/)
        expect(isGsm7(dead)).toBe(true)
        expect(dead.length).toBeLessThanOrEqual(80)
      }),
      { numRuns: 3000 },
    )
  })
})

test("the words of an approval keep their punctuation and lose invisible characters", () => {
  expect(oneLine('label "breaking" on\nacme/shop#812\u202e', 70)).toBe('label "breaking" on acme/shop#812')
})
