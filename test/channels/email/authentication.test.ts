import fc from "fast-check"
import { expect, test } from "vitest"
import { isAuthenticated } from "../../../src/channels/email/authentication.ts"

const results = (...values: string[]) => values.map((value) => ({ key: "authentication-results", value }))
const ask = (...values: string[]) => isAuthenticated(results(...values), "mx.example.com", "example.com")

test.each([
  "mx.example.com; dmarc=pass header.from=example.com",
  "MX.Example.COM 1; spf=fail; dkim=pass header.d=x; DMARC = pass (p=REJECT; sp=NONE) header.from=Example.com",
  'mx.example.com; dmarc/1=pass reason="it; is fine" header.from=example.com policy.dmarc=none',
])("the receiver's word counts: %s", (value) => {
  expect(ask(value)).toBe(true)
})

test.each([
  ["another receiver", "mx.evil.example; dmarc=pass header.from=example.com"],
  ["a name that begins like ours", "mx.example.com.evil.example; dmarc=pass header.from=example.com"],
  ["a failed check", "mx.example.com; dmarc=fail header.from=example.com"],
  ["a passed check of another domain", "mx.example.com; dmarc=pass header.from=evil.example"],
  ["no domain named", "mx.example.com; dmarc=pass"],
  ["two domains named", "mx.example.com; dmarc=pass header.from=evil.example header.from=example.com"],
  ["two results", "mx.example.com; dmarc=fail header.from=example.com; dmarc=pass header.from=example.com"],
  ["only SPF and DKIM", "mx.example.com; spf=pass; dkim=pass header.d=example.com"],
  ["a word that begins with pass", "mx.example.com; dmarc=passing header.from=example.com"],
  ["a result in a quotation", 'mx.example.com; dkim=fail reason="; dmarc=pass header.from=example.com"'],
  ["a result in a comment", "mx.example.com; dkim=fail (; dmarc=pass header.from=example.com ;)"],
  [
    "a comment that a quotation mark seems to end",
    'mx.example.com; dkim=fail (") ; dmarc=pass header.from=example.com ("x',
  ],
  ["a quotation that never ends", 'mx.example.com; dkim=fail reason="x; dmarc=pass header.from=example.com'],
  ["an escaped end of a comment", "mx.example.com; dkim=fail (\\) ; dmarc=pass header.from=example.com ;)"],
  ["another method with the name in it", "mx.example.com; x-dmarc=pass header.from=example.com"],
])("nothing else counts: %s", (_why, value) => {
  expect(ask(value)).toBe(false)
})

test("only the topmost header counts, whatever the headers below it say", () => {
  const right = "mx.example.com; dmarc=pass header.from=example.com"
  expect(ask(right, "mx.example.com; dmarc=fail header.from=example.com")).toBe(true)
  expect(ask("mx.example.com; dmarc=fail header.from=example.com", right)).toBe(false)
  expect(ask("other.example; none", right)).toBe(false)
})

test("nobody is believed without a name of our receiver, or without a header", () => {
  expect(isAuthenticated(results("mx.example.com; dmarc=pass header.from=example.com"), undefined, "example.com")).toBe(
    false,
  )
  expect(ask()).toBe(false)
})

test("no text in quotations or comments of a failed result makes it pass", () => {
  const anything = fc.string({
    unit: fc.constantFrom("d", ";", " ", '"', "(", ")", "\\", "dmarc=pass header.from=example.com"),
  })
  fc.assert(
    fc.property(anything, (text) => {
      const quoted = text.replaceAll(/[\\"]/g, "\\$&")
      const comment = text.replaceAll(/[\\()]/g, "\\$&")
      expect(ask(`mx.example.com; dmarc=fail reason="${quoted}" (${comment}) header.from=example.com`)).toBe(false)
    }),
  )
})
