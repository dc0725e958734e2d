import { Buffer } from "node:buffer"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { createScrubber } from "../../src/vault/scrubber.ts"

const value = fc.string({ minLength: 8, maxLength: 60, unit: "binary" }).filter((v) => v.length >= 8)
const token = fc.stringMatching(/^[A-Za-z0-9+/=_.:-]{8,80}$/)
const around = fc.string({ maxLength: 40, unit: "binary" })

const bytes = (v: string) => Buffer.from(v, "utf8")
const ENCODINGS: Record<string, (v: string) => string> = {
  "as it is": (v) => v,
  base64: (v) => bytes(v).toString("base64"),
  base64url: (v) => bytes(v).toString("base64url"),
  "URL-encoded": encodeURIComponent,
  "URL-encoded in lower case": (v) => encodeURIComponent(v).replace(/%[0-9A-F]{2}/g, (o) => o.toLowerCase()),
  "a form field": (v) => new URLSearchParams({ f: v }).toString().slice(2),
  "URL-encoded twice": (v) => encodeURIComponent(encodeURIComponent(v)),
  hex: (v) => bytes(v).toString("hex"),
  "hex in capitals": (v) => bytes(v).toString("hex").toUpperCase(),
  "JSON-escaped": (v) => JSON.stringify(v).slice(1, -1),
  "JSON-escaped twice": (v) => JSON.stringify(JSON.stringify(v).slice(1, -1)).slice(1, -1),
  "JSON-escaped as ASCII": (v) =>
    JSON.stringify(v)
      .slice(1, -1)
      .replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`),
  reversed: (v) => [...v].reverse().join(""),
  "reversed by code unit": (v) => v.split("").reverse().join(""),
}

function scrubberOf(...values: string[]) {
  const scrubber = createScrubber()
  for (const [at, v] of values.entries()) scrubber.add(`SECRET_${at}`, v)
  return scrubber
}

describe("a secret in a text does not survive", () => {
  for (const [name, encode] of Object.entries(ENCODINGS)) {
    test(name, () => {
      fc.assert(
        fc.property(fc.oneof(value, token), around, around, (secret, before, after) => {
          const scrubbed = scrubberOf(secret).scrub(before + encode(secret) + after)
          expect(scrubbed).not.toContain(encode(secret))
          expect(scrubbed).toContain("[secret SECRET_0]")
        }),
        { numRuns: 300 },
      )
    })
  }

  test("inside the base64 of a longer text", () => {
    fc.assert(
      fc.property(token, around, around, (secret, before, after) => {
        const whole = bytes(before + secret + after).toString("base64")
        const scrubbed = scrubberOf(secret).scrub(`Basic ${whole}`)
        expect(scrubbed).toContain("[secret SECRET_0]")
        const left = scrubbed
          .replace("Basic ", "")
          .split("[secret SECRET_0]")
          .map((part) => Buffer.from(part, "base64").toString())
        for (const part of left) expect(part).not.toContain(secret)
      }),
      { numRuns: 300 },
    )
  })

  test("many secrets in one text, also where they overlap", () => {
    fc.assert(
      fc.property(fc.array(token, { minLength: 2, maxLength: 6 }), fc.nat(4), (secrets, overlap) => {
        const text = secrets.reduce((line, secret) => line.slice(0, line.length - overlap) + secret, "")
        const scrubbed = scrubberOf(...secrets).scrub(`${text} ${secrets.join(" ")}`)
        for (const secret of secrets) expect(scrubbed).not.toContain(secret)
      }),
    )
  })

  test("a secret that begins inside another leaves no tail behind", () => {
    const scrubber = scrubberOf("xxABCDEFGH", "ABCDEFGHIJKLMNOP")
    expect(scrubber.scrub("<xxABCDEFGHIJKLMNOP>")).toBe("<[secret SECRET_0]>")
  })
})

describe("nothing else changes", () => {
  test("text without a secret comes back as it was", () => {
    const scrubber = scrubberOf("canary-7f3ae1c09b", 'another canary: ü/"\n')
    fc.assert(
      fc.property(
        fc.string({ maxLength: 400, unit: "binary" }),
        (text) => void expect(scrubber.scrub(text)).toBe(text),
      ),
    )
    fc.assert(fc.property(fc.json(), (text) => void expect(scrubber.scrub(text)).toBe(text)))
  })

  test("the text around a secret is kept", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-f ]{0,30}$/), fc.stringMatching(/^[a-f ]{0,30}$/), (before, after) => {
        expect(scrubberOf("Sk-LIVE-0123").scrub(`${before}Sk-LIVE-0123${after}`)).toBe(
          `${before}[secret SECRET_0]${after}`,
        )
      }),
    )
  })

  test("values shorter than 8 characters hide nothing", () => {
    expect(scrubberOf("secret7").scrub("a secret7 stays")).toBe("a secret7 stays")
    expect(scrubberOf("secret78").scrub("a secret78 goes")).toBe("a [secret SECRET_0] goes")
  })

  test("a scrubbed line of JSON is JSON still", () => {
    const secret = 'p"a\\ss\nword/ü'
    const line = scrubberOf(secret).scrub(
      JSON.stringify({ event: "failed", message: `bad key ${secret}`, inner: JSON.stringify({ secret }) }),
    )
    expect(JSON.parse(line)).toEqual({
      event: "failed",
      message: "bad key [secret SECRET_0]",
      inner: '{"secret":"[secret SECRET_0]"}',
    })
  })
})

test("a line of a megabyte with fifty secrets takes at most fifty times as long as one plain search", () => {
  const secrets = Array.from({ length: 50 }, (_, at) => `key-${at}-${"abcdefgh".repeat(4)}${at}`)
  const scrubber = scrubberOf(...secrets)
  const line = `{"event":"x","text":"${"the quick brown fox / 12345 ".repeat(37_000)}"}`
  scrubber.scrub(line)
  const timed = (work: () => void) => {
    const from = performance.now()
    work()
    return performance.now() - from
  }
  const ours = Math.min(...[1, 2, 3].map(() => timed(() => scrubber.scrub(line))))
  const plain = Math.min(...[1, 2, 3].map(() => timed(() => line.replaceAll(/key-never-there/gi, ""))))
  expect(ours).toBeLessThan(Math.max(50 * plain, 100))
})
