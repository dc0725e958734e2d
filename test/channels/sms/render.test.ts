import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { inCheapAlphabet, MAX_SMS_BODY, renderSms, splitBody } from "../../../src/channels/sms/render.ts"
import { isGsm7, measure } from "../../../src/channels/sms/segments.ts"

describe("plain words", () => {
  test("marks of style and blank lines are removed, and links are spelled out", () => {
    expect(renderSms("# Today\n\n**Two** issues, see [the list](https://a.example/x).\n\n- `a`\n- b")).toBe(
      "Today\nTwo issues, see the list (https://a.example/x).\n- a\n- b",
    )
  })

  test("typographic signs become signs of the cheap alphabet", () => {
    expect(renderSms("\u201cIt\u2019s\u201d \u2014 a\u00a0b\u2026 \u2192 c \u2022 5\u00d75 \u2265 1")).toBe(
      '"It\'s" - a b... -> c - 5x5 >= 1',
    )
  })

  test("emoji are removed where the words then are cheap; signs with a meaning are spelled", () => {
    expect(renderSms("Done \u{1f389}\u{1f44d}\u{1f3fd} \u2705 built, \u274c tests \u26a0\ufe0f 1\ufe0f\u20e3")).toBe(
      "Done [ok] built, [no] tests (!) 1",
    )
  })

  test("emoji stay when they stand alone, and in a writing system that is expensive anyway", () => {
    expect(renderSms("\u{1f44d}\u{1f3fd}")).toBe("\u{1f44d}\u{1f3fd}")
    expect(renderSms("\u043e\u043a \u{1f44d}")).toBe("\u043e\u043a \u{1f44d}")
  })

  test("an approval keeps every sign", () => {
    const text = 'K7 label "breaking" on #812? Reply K7 OK or K7 NO'
    expect(renderSms(text)).toBe(text)
    expect(measure(renderSms(text)).segments).toBe(1)
  })

  test("rendering a rendered text changes nothing", () => {
    const words = fc.array(
      fc.constantFrom("a", "K7", "\u201cx\u201d", "\u2026", "\u{1f600}", "12", "caf\u00e9", "\u20ac5"),
      { minLength: 1, maxLength: 30 },
    )
    fc.assert(
      fc.property(words, (list) => {
        const once = renderSms(list.join(" "))
        expect(renderSms(once)).toBe(once)
      }),
    )
  })

  test("letters and digits are never dropped", () => {
    const letters = (text: string) =>
      text
        .normalize("NFC")
        .match(/[\p{L}\p{N}]/gu)
        ?.join("") ?? ""
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        const kept = letters(inCheapAlphabet(text))
        for (const letter of letters(text)) expect(kept).toContain(letter)
      }),
    )
  })
})

describe("splitting", () => {
  const body = fc
    .array(
      fc.oneof(
        fc.string({ unit: fc.constantFrom("a", " ", "\n", "\u20ac", "\u{1f600}"), maxLength: 900 }),
        fc.nat(4000).map((n) => "x".repeat(n)),
      ),
      { maxLength: 5 },
    )
    .map((parts) => parts.join(" "))

  test("no part is longer than Twilio accepts, no part is empty, and nothing is dropped", () => {
    const bare = (text: string) => text.replace(/\s+/g, "")
    fc.assert(
      fc.property(body, (text) => {
        const parts = splitBody(text)
        for (const part of parts) {
          expect(part.length).toBeLessThanOrEqual(MAX_SMS_BODY)
          expect(part.isWellFormed()).toBe(true)
          expect(part.trim()).not.toBe("")
        }
        expect(bare(parts.join(""))).toBe(bare(text))
      }),
    )
  })

  test("a character of two units is not torn, even without a better place to cut", () => {
    const torn = `${"x".repeat(MAX_SMS_BODY - 1)}\u{1f600}y`
    expect(splitBody(torn)).toEqual(["x".repeat(MAX_SMS_BODY - 1), "\u{1f600}y"])
  })

  test("a cut falls between lines where it can", () => {
    const line = "word ".repeat(200).trim()
    expect(splitBody(`${line}\n${line}`)).toEqual([line, line])
  })

  test("Latin text with emoji and quotes stays in the cheap alphabet", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom("a", "\u2019", "\u2014", "\u{1f680}", "\u{1f1e9}\u{1f1ea}", "\u2026", "\u00a0"),
          maxLength: 80,
        }),
        (text) => isGsm7(inCheapAlphabet(`b${text}`)),
      ),
    )
  })
})
