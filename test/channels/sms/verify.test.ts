import { getExpectedTwilioSignature } from "twilio/lib/webhooks/webhooks.js"
import { describe, expect, test } from "vitest"
import { isFromTwilio, readForm } from "../../../src/channels/sms/verify.ts"

/** The example in Twilio's documentation, "Validating requests". */
const token = "12345"
const url = "https://mycompany.com/myapp"
const form = {
  CallSid: "CA1234567890ABCDE",
  Caller: "+12349013030",
  Digits: "1234",
  From: "+12349013030",
  To: "+18005551212",
}
const signature = "3KI2uRuYyAdhZIJXcpU0izDUzWI="

describe("the signature", () => {
  test("the published example passes", () => {
    expect(isFromTwilio([token], signature, url, form)).toBe(true)
  })

  test("every change of one bit of the signature fails", () => {
    const bytes = Buffer.from(signature, "base64")
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isFromTwilio([token], flipped.toString("base64"), url, form)).toBe(false)
    }
    for (let bit = 0; bit < signature.length * 8; bit += 1) {
      const flipped = Buffer.from(signature)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(isFromTwilio([token], flipped.toString("latin1"), url, form)).toBe(false)
    }
  })

  test("every changed, added or missing field fails, and so does another address", () => {
    for (const field of Object.keys(form)) {
      expect(isFromTwilio([token], signature, url, { ...form, [field]: "x" })).toBe(false)
      expect(
        isFromTwilio(
          [token],
          signature,
          url,
          Object.fromEntries(Object.entries(form).filter(([key]) => key !== field)),
        ),
      ).toBe(false)
    }
    expect(isFromTwilio([token], signature, url, { ...form, Extra: "1" })).toBe(false)
    expect(isFromTwilio([token], signature, `${url}?a=1`, form)).toBe(false)
    expect(isFromTwilio([token], signature, "https://mycompany.com/other", form)).toBe(false)
  })

  test("a signature with an empty token, which anyone can make, does not pass", () => {
    const forged = getExpectedTwilioSignature("", url, form)
    expect(isFromTwilio([""], forged, url, form)).toBe(false)
  })

  test("during a rotation the old token still counts, and without a token nothing passes", () => {
    expect(isFromTwilio(["new", token], signature, url, form)).toBe(true)
    expect(isFromTwilio(["new", ""], signature, url, form)).toBe(false)
    expect(isFromTwilio([], signature, url, form)).toBe(false)
    expect(isFromTwilio([token], undefined, url, form)).toBe(false)
    expect(isFromTwilio([token], "", url, form)).toBe(false)
  })
})

test("a form keeps spaces, empty values, repeated keys and characters of every kind", () => {
  expect({ ...readForm("Body=+hi+%F0%9F%91%8D+&Empty=&K=1&K=2&K=1&__proto__=x") }).toEqual({
    Body: " hi \u{1f44d} ",
    Empty: "",
    K: ["1", "2", "1"],
    ["__proto__"]: "x",
  })
})
