import fc from "fast-check"
import { expect, test } from "vitest"
import { reduceHtml } from "../../../src/channels/email/html-text.ts"
import { growth } from "../../support/growth.ts"

test("paragraphs, breaks, lists and references become text", () => {
  const html =
    "<html><head><title>x</title><style>p{}</style></head><body><p>Hi&nbsp;<b>you</b> &amp; me,</p>one<br>two<ul><li>a</li><li>b</li></ul>1 < 2 &#8364;</body></html>"
  expect(reduceHtml(html)).toEqual({ text: "Hi you & me,\none\ntwo\n\n- a\n\n- b\n\n1 < 2 \u20ac", cut: false })
})

test.each([
  ["a quotation", "<div>yes</div><blockquote>old <blockquote>older</blockquote> words</blockquote>", "yes"],
  [
    "Gmail's",
    '<div>yes</div><div class="gmail_quote"><div>On Sunday Vigil wrote:</div><blockquote>old</blockquote></div>',
    "yes",
  ],
  ["Outlook's history", '<p>yes</p><div id="divRplyFwdMsg">From: Vigil</div><p>old</p>', "yes"],
  ["a quotation that never ends", "yes<blockquote>old", "yes"],
])("the answered mail is left out: %s", (_whose, html, text) => {
  expect(reduceHtml(html)).toEqual({ text, cut: true })
})

test("scripts and comments are left out, and words after them are not lost", () => {
  expect(reduceHtml("a<script>if (1 < 2) alert('x')</script>b<!-- > no -->c<style>x</style>d").text).toBe("abcd")
})

test("any input is read to its end, and no tag of well-formed markup is left", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (html) => void reduceHtml(html)))
})

test.each([
  ["<", 100_000],
  ["<a ", 40_000],
  ["<!--", 25_000],
  ["<blockquote>", 10_000],
  ["<script><", 12_000],
])("%j repeated many times is read in proportion to its length", (part, times) => {
  expect(growth((size) => void reduceHtml(part.repeat(size)), times)).toBeLessThan(8)
})
